"""Figures and tables of runs: loss curves, score curves, and what differs between runs."""

from __future__ import annotations

import html
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from course.history import History
from course.plots.style import CaptionedFigure, legend, log_axis, new_figure, style, tidy

Histories = Sequence[History]

SCORES: dict[str, dict[str, str]] = {
    "autoencoder": {
        "ssim": "SSIM of the first test image (1 = equal)",
        "ssim_mean": "mean SSIM of 100 test images (1 = equal)",
        "ssim_lecture": "SSIM of the first test image, data range 2",
        "test_mse": "test MSE (squared pixel value)",
        "test_mae": "test MAE (pixel value)",
    },
    "classifier": {
        "accuracy": "test accuracy (share correct)",
        "test_cross_entropy": "test cross-entropy (nats)",
    },
}
"""The common scores of each task with the axis label that names them and their unit."""

NUMBERS = {"lr": "lr", "batch_size": "batch", "seed": "seed"}
"""Settings that need their name beside their value; the others speak for themselves."""
LEFT_TO_THE_TABLE = ("epochs", "train_size", "device")


def differing(histories: Histories) -> list[str]:
    """Return the settings that are not the same in all runs; the loss always leads.

    >>> from course.config import RunConfig
    >>> differing([History(RunConfig(lr=0.1)), History(RunConfig(lr=0.2))])
    ['loss', 'lr']
    """
    settings = [history.config.as_dict() for history in histories]
    names = settings[0] if settings else {}
    return ["loss"] + [
        name for name in names if name != "loss" and len({str(s[name]) for s in settings}) > 1
    ]


def _setting(name: str, value: object) -> str:
    if name == "train_size":
        return "all" if value is None else f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def labels(histories: Histories) -> list[str]:
    """Return a short name for each run: its number, its loss and what else differs.

    How long a run trained, and on how many images, is left to the table.

    >>> from course.config import RunConfig
    >>> labels([History(RunConfig(lr=0.1)), History(RunConfig(lr=0.2))])
    ['1 mse, lr 0.1', '2 mse, lr 0.2']
    """
    names = [name for name in differing(histories) if name not in LEFT_TO_THE_TABLE]
    result = []
    for number, history in enumerate(histories, start=1):
        settings = history.config.as_dict()
        parts = [settings["loss"]]
        for name in names[1:]:
            text = _setting(name, settings[name])
            parts.append(f"{NUMBERS[name]} {text}" if name in NUMBERS else text)
        result.append(f"{number} {', '.join(parts)}")
    return result


def _loss_axes(axes: Axes, histories: Histories) -> str:
    """Draw the batch losses of all runs and return the sentence about them."""
    values: list[float] = []
    notes = []
    for index, (label, history) in enumerate(zip(labels(histories), histories)):
        points = history.batch_losses
        look = style(index) | {"label": label}
        if len(points) < 2:
            look["marker"] = "o"
        axes.plot([x for x, _ in points], [loss for _, loss in points], **look)
        values += [loss for _, loss in points]
        if points:
            notes.append(f"{label}: {points[0][1]:.4g} → {points[-1][1]:.4g} ({history.status})")
    last = max((points[-1][0] for h in histories if (points := h.batch_losses)), default=1.0)
    axes.set_xlim(0, last * 1.02)
    tidy(axes, "epochs passed", "training loss of a batch")
    if values and min(values) > 0 and max(values) / min(values) > 20:
        log_axis(axes)
    elif not values:
        axes.set_ylim(0, 1)
    if histories:
        legend(axes)
    sentence = "Training loss per batch over the epochs, first → last value. "
    return sentence + "; ".join(notes) + "." if notes else "No run yet: the loss axes are empty."


def _score_axes(axes: Axes, histories: Histories, name: str) -> str:
    """Draw one common score of all runs over the epochs and return the sentence about it."""
    task = next((task for task, scores in SCORES.items() if name in scores), None)
    title = "training loss (mean of an epoch)" if task is None else SCORES[task][name]
    notes = []
    epochs = [1]
    drawn = False
    for index, (label, history) in enumerate(zip(labels(histories), histories)):
        scored = [epoch for epoch in history.epochs if name in epoch]
        if not scored:
            continue
        drawn = True
        epochs += [int(epoch["epoch"]) for epoch in scored]
        values = [epoch[name] for epoch in scored]
        x = [epoch["epoch"] for epoch in scored]
        axes.plot(x, values, **style(index), marker="o", markersize=4, label=label)
        notes.append(f"{label}: {values[-1]:.4g} after epoch {len(values)}")
    axes.set_xlim(0.5, max(epochs) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    tidy(axes, "epoch", title)
    if drawn:
        legend(axes)
    else:
        axes.set_ylim(0, 1)
    if not notes:
        return f"No epoch is finished yet: the axes for {title} are empty."
    return f"{title[0].upper()}{title[1:]} per epoch. {'; '.join(notes)}."


def loss_curves(histories: Histories) -> CaptionedFigure:
    """Return the training loss of every reported batch; a log axis where the units differ widely.

    >>> loss_curves([]).alt
    'No run yet: the loss axes are empty.'
    """
    figure = new_figure()
    axes = figure.add_axes((0.14, 0.15, 0.83, 0.82))
    figure.alt = _loss_axes(axes, histories)
    return figure


def metric_curves(histories: Histories, name: str) -> CaptionedFigure:
    """Return one score of every epoch: a name from `SCORES`, or `train_loss`.

    Raises `ValueError` for a name that is none of these.

    >>> metric_curves([], "accuracy").axes[0].get_ylabel()
    'test accuracy (share correct)'
    """
    known = ["train_loss", *(name for scores in SCORES.values() for name in scores)]
    if name not in known:
        raise ValueError(f"unknown score {name!r}; there are: {', '.join(known)}")
    figure = new_figure()
    axes = figure.add_axes((0.14, 0.15, 0.83, 0.82))
    figure.alt = _score_axes(axes, histories, name)
    return figure


def runs_figure(histories: Histories, name: str) -> CaptionedFigure:
    """Return the loss curves and one score of the same runs, side by side."""
    figure = new_figure(10.0, 3.6)
    left = figure.add_axes((0.07, 0.14, 0.41, 0.83))
    right = figure.add_axes((0.57, 0.14, 0.41, 0.83))
    figure.alt = f"{_loss_axes(left, histories)} {_score_axes(right, histories, name)}"
    return figure


def runs_rows(histories: Histories) -> tuple[list[str], list[list[str]]]:
    """Return the header and one row a run: what differs, the state, the last epoch's scores."""
    names = differing(histories)
    tasks = {history.config.task for history in histories}
    scores = ["train_loss", *(name for task in SCORES if task in tasks for name in SCORES[task])]
    header = ["run", *names, "status", "epochs done", *scores, "seconds"]
    rows = []
    for number, history in enumerate(histories, start=1):
        settings = history.config.as_dict()
        last = history.epochs[-1] if history.epochs else {}
        rows.append(
            [
                str(number),
                *(_setting(name, settings[name]) for name in names),
                history.status,
                str(len(history.epochs)),
                *(f"{last[name]:.4f}" if name in last else "–" for name in scores),
                f"{history.seconds:.1f}",
            ]
        )
    return [name.replace("_", " ") for name in header], rows


def runs_table(histories: Histories) -> str:
    """Return the runs as a text table: the settings that differ and the scores all share.

    >>> from course.config import RunConfig
    >>> print(runs_table([History(RunConfig(task="classifier"))]))
    run  loss           status   epochs done  train loss  accuracy  test cross entropy  seconds
    1    cross_entropy  running  0            –           –         –                   0.0
    """
    header, rows = runs_rows(histories)
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths)) for row in [header, *rows])
    return "\n".join(line.rstrip() for line in lines)


def runs_html(histories: Histories) -> str:
    """Return the same table as HTML, each run's number in the colour of its curve."""
    if not histories:
        return "<p>No run yet.</p>"
    header, rows = runs_rows(histories)
    cell = "padding:2px 8px;text-align:right;border-bottom:1px solid #ddd"
    head = "".join(f'<th scope="col" style="{cell}">{html.escape(name)}</th>' for name in header)
    body = ""
    for index, (number, *row) in enumerate(rows):
        swatch = f"display:inline-block;width:10px;height:10px;background:{style(index)['color']}"
        first = f'<th scope="row" style="{cell}"><span style="{swatch}"></span> {number}</th>'
        cells = "".join(f'<td style="{cell}">{html.escape(text)}</td>' for text in row)
        body += f"<tr>{first}{cells}</tr>"
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:13px">'
        f'<caption style="text-align:left">'
        f"Runs: the settings that differ, and the scores of the last whole epoch</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
