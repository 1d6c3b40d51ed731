"""What the laboratory shows of its runs: curves, images, table, and the snapshot of them."""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets as widgets

from course import plots
from course.history import History
from course.live import LABEL, FigureImage

FIRST_SCORE = {"autoencoder": "ssim", "classifier": "accuracy"}
SHOWN_IN_GALLERY = 4
SHOWN_AS_MATRIX = 2


def detail_figures(task: str, histories: Sequence[History]) -> list[plots.CaptionedFigure]:
    """Return the gallery of the latest autoencoders, or the latest classifiers' mistakes."""
    scored = [
        (history, name)
        for history, name in zip(histories, plots.labels(histories))
        if history.epochs and history.model is not None
    ]
    if not scored:
        return []
    if task == "autoencoder":
        latest, names = zip(*scored[-SHOWN_IN_GALLERY:])
        return [plots.reconstruction_gallery(latest, names=names)]
    pair = scored[-SHOWN_AS_MATRIX:]
    return [
        *(plots.confusion_matrix_figure(history, name=name) for history, name in pair),
        *(plots.worst_digits(history, name=name) for history, name in pair),
    ]


def as_python(histories: Sequence[History]) -> str:
    """Return the line of Python that trains the same runs again.

    >>> from course.config import RunConfig
    >>> as_python([History(RunConfig(epochs=2))])
    'from course.training import RunConfig, compare; runs = compare([RunConfig(epochs=2)])'
    """
    configs = ", ".join(history.config.as_python() for history in histories)
    return f"from course.training import RunConfig, compare; runs = compare([{configs}])"


def code_line(code: str) -> str:
    """Return a line of code as HTML that one click selects whole."""
    look = (
        "user-select:all;white-space:pre-wrap;word-break:normal;padding:6px 8px;"
        "background:#f5f5f5;color:#333;border-radius:4px;margin:2px 0"
    )
    return f'<div>The latest run in Python:</div><pre style="{look}">{html.escape(code)}</pre>'


class Board:
    """The live view of a list of runs. Its widgets only show; any thread may call `show_…`."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.score = widgets.Dropdown(
            options=list(plots.SCORES[task]), value=FIRST_SCORE[task], description="Score",
            style=LABEL, layout=widgets.Layout(width="320px"),
        )  # fmt: skip
        self.losses = FigureImage(plots.loss_curves([]))
        self.scores = FigureImage(plots.metric_curves([], self.score.value))
        self.details = widgets.Box(layout=widgets.Layout(flex_flow="row wrap", width="100%"))
        self.table = widgets.HTML()
        self.python = widgets.HTML()
        for image in (self.losses, self.scores):
            image.caption.layout.min_height = "60px"
        above = widgets.Box(layout=widgets.Layout(height="32px"))
        columns = [
            widgets.VBox(column, layout=widgets.Layout(flex="1 1 400px"))
            for column in ([above, self.losses], [self.score, self.scores])
        ]
        curves = widgets.Box(
            columns, layout=widgets.Layout(flex_flow="row wrap", width="100%", max_width="1200px")
        )
        self.box = widgets.VBox([curves, self.details, self.table, self.python])

    def show_table(self, histories: Sequence[History]) -> None:
        """Show the table of runs."""
        self.table.value = plots.runs_html(histories)

    def show_losses(self, histories: Sequence[History]) -> None:
        """Draw the loss curves."""
        self.losses.show(plots.loss_curves(histories))

    def show_scores(self, histories: Sequence[History]) -> None:
        """Draw the chosen score."""
        self.scores.show(plots.metric_curves(histories, self.score.value))

    def show_details(self, histories: Sequence[History]) -> None:
        """Draw reconstructions, or confusion matrices and worst digits."""
        figures = detail_figures(self.task, histories)
        for image, figure in zip(self.details.children, figures):
            image.show(figure)
        if len(figures) < len(self.details.children):
            self.details.children = self.details.children[: len(figures)]
        added = [FigureImage(figure) for figure in figures[len(self.details.children) :]]
        if added:
            for image in added:
                image.layout.flex = "1 1 400px"
            self.details.children = (*self.details.children, *added)

    def show_python(self, histories: Sequence[History]) -> None:
        """Show the line of Python for the latest runs."""
        self.python.value = code_line(as_python(histories)) if histories else ""

    def snapshot(self, histories: Sequence[History]) -> str:
        """Return the same as HTML that needs no kernel and no widgets."""
        if not histories:
            return "<p>The laboratory: run this cell to train networks here.</p>"
        figures = [plots.runs_figure(histories, self.score.value)]
        figures += detail_figures(self.task, histories)
        return "".join(figure._repr_html_() for figure in figures) + plots.runs_html(histories)
