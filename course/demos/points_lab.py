"""The live part of lecture 01: a perceptron on points that the learner adds, moves and removes."""

from __future__ import annotations

import threading

import ipywidgets as widgets
import torch
from torch import Tensor

from course.demos.perceptron import points_figure, sentence
from course.live import LABEL, FigureImage, LiveCell, Snapshot, Worker, text
from course.perceptron import XOR_X, XOR_Y, train, two_clouds, with_bias

MAX_UPDATES = 100
SECONDS_PER_UPDATE = 0.4
PRESETS = {
    "two clouds": two_clouds(),
    "XOR": (XOR_X, XOR_Y),
    "one stray point": (
        torch.tensor([[0.0, 1.0], [1.0, 2.0], [0.5, 2.0], [2.0, 0.5], [3.0, 1.0], [0.6, 1.7]]),
        torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0]),
    ),
}
RULES = {"all misclassified at once": True, "one point at a time": False}


class PointsLab:
    """The live perceptron: points to add, move and remove, and training on them step by step."""

    def __init__(self) -> None:
        wide = widgets.Layout(width="300px")
        number = {"style": LABEL, "layout": widgets.Layout(width="200px")}
        number |= {"min": -100.0, "max": 100.0, "step": 0.1}
        self.preset = widgets.Dropdown(
            options=list(PRESETS), description="start from", style=LABEL, layout=wide
        )
        self.rule = widgets.Dropdown(
            options=RULES, description="update by", style=LABEL, layout=wide
        )
        self.point = widgets.Dropdown(description="point", style=LABEL, layout=wide)
        self.x1 = widgets.BoundedFloatText(description="x1", **number)
        self.x2 = widgets.BoundedFloatText(description="x2", **number)
        self.label = widgets.Dropdown(
            options={"+1 (circle)": 1.0, "−1 (square)": -1.0}, description="class", style=LABEL,
            layout=widgets.Layout(width="240px"),
        )  # fmt: skip
        names = ("Add point", "Change point", "Remove point", "Step", "Train", "Stop", "Start over")
        self.buttons = {name: widgets.Button(description=name) for name in names}
        self.status = widgets.HTML()
        self.worker = Worker(lambda message: self._say(message, "error"))
        self.X, self.y = (part.clone() for part in PRESETS["two clouds"])
        self._restart()
        figure = points_figure(self.X, self.y, self.step, numbered=True)
        self.image, self.snapshot = FigureImage(figure, "682px"), Snapshot(figure._repr_html_())
        self._list_points(0)
        self._connect()

    def _connect(self) -> None:
        self.preset.observe(lambda change: self._load(), "value")
        self.rule.observe(lambda change: self._begin_again(), "value")
        self.point.observe(lambda change: self._show_point(), "value")
        for name, act in {
            "Add point": self._add,
            "Change point": self._change,
            "Remove point": self._remove,
            "Step": self._one_step,
            "Train": self._train,
            "Stop": self.worker.stop,
            "Start over": self._begin_again,
        }.items():
            self.buttons[name].on_click(lambda button, act=act: act())

    def cell(self) -> LiveCell:
        """Return the live cell to end a notebook cell with."""
        button = self.buttons
        rows = (
            (self.preset, self.rule),
            (self.point, self.x1, self.x2, self.label),
            (button["Add point"], button["Change point"], button["Remove point"]),
            (button["Step"], button["Train"], button["Stop"], button["Start over"]),
        )
        flow = widgets.Layout(flex_flow="row wrap")
        box = widgets.VBox(
            [self.snapshot.hider, *(widgets.HBox(row, layout=flow) for row in rows), self.status,
             self.image]
        )  # fmt: skip
        controls = {
            "start from": self.preset, "update by": self.rule, "point": self.point,
            "x1": self.x1, "x2": self.x2, "class": self.label, **button,
        }  # fmt: skip
        return LiveCell(box, self.snapshot, controls)

    def _say(self, message: str, kind: str = "") -> None:
        self.status.value = text(message, kind)

    def _restart(self) -> None:
        self.worker.stop()
        self.worker.join(5)
        self._steps = train(
            with_bias(self.X), self.y, max_updates=MAX_UPDATES, together=self.rule.value
        )
        self.step = next(self._steps)

    def _draw(self) -> None:
        figure = points_figure(self.X, self.y, self.step, numbered=True)
        self.image.show(figure)
        self.snapshot.update(figure._repr_html_())

    def _begin_again(self, message: str = "Training starts from θ = 0 again.") -> None:
        self._restart()
        self._draw()
        self._say(message)

    def _list_points(self, chosen: int) -> None:
        rows = zip(self.X.tolist(), self.y.tolist())
        self.point.options = [
            (f"{i + 1}: ({x1:.4g}, {x2:.4g}), class {label:+.0f}", i)
            for i, ((x1, x2), label) in enumerate(rows)
        ]
        self.point.value = min(chosen, len(self.y) - 1) if len(self.y) else None
        self._show_point()

    def _show_point(self) -> None:
        chosen = self.point.value
        if chosen is not None:
            self.x1.value, self.x2.value = (round(value, 4) for value in self.X[chosen].tolist())
            self.label.value = self.y[chosen].item()

    def _replace(self, X: Tensor, y: Tensor, chosen: int, message: str) -> None:
        self.worker.stop()
        self.worker.join(5)
        self.X, self.y = X, y
        self._list_points(chosen)
        self._begin_again(message)

    def _load(self) -> None:
        X, y = (part.clone() for part in PRESETS[self.preset.value])
        self._replace(X, y, 0, f"{len(y)} points: {self.preset.value}.")

    def _fields(self) -> tuple[Tensor, Tensor]:
        return torch.tensor([[self.x1.value, self.x2.value]]), torch.tensor([self.label.value])

    def _add(self) -> None:
        X, y = self._fields()
        X, y = torch.cat([self.X, X]), torch.cat([self.y, y])
        self._replace(X, y, len(y) - 1, f"Point {len(y)} added.")

    def _change(self) -> None:
        chosen = self.point.value
        if chosen is None:
            return self._say("There is no point to change: add one first.", "error")
        X, y = self.X.clone(), self.y.clone()
        X[chosen : chosen + 1], y[chosen : chosen + 1] = self._fields()
        return self._replace(X, y, chosen, f"Point {chosen + 1} changed.")

    def _remove(self) -> None:
        chosen = self.point.value
        if chosen is None:
            return self._say("There is no point to remove: add one first.", "error")
        keep = torch.arange(len(self.y)) != chosen
        return self._replace(self.X[keep], self.y[keep], chosen, f"Point {chosen + 1} removed.")

    def _advance(self) -> bool:
        """Make one update; return whether there is another one to make."""
        following = next(self._steps, None)
        if following is not None:
            self.step = following
            self._draw()
        last = following is None or self.step.update == MAX_UPDATES
        if self.step.done:
            self._say(f"Separated after {self.step.update} updates.")
        elif last:
            self._say(
                f"Still misclassified after {MAX_UPDATES} updates: {int(self.step.wrong.sum())}."
            )
        return not (self.step.done or last)

    def _one_step(self) -> None:
        if self.worker.running:
            self._say("Training runs: press Stop first.", "error")
        elif self._advance():
            self._say(sentence(self.step, len(self.y)))

    def _train(self) -> None:
        def job(stop: threading.Event) -> None:
            while not stop.is_set() and self._advance():
                self._say(sentence(self.step, len(self.y)))
                stop.wait(SECONDS_PER_UPDATE)

        if not self.worker.start(job):
            self._say("Training runs already.", "error")


def live() -> LiveCell:
    """Return a perceptron to train on points of your own."""
    return PointsLab().cell()
