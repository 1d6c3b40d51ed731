"""The laboratory's settings: labelled controls, and the run configs they stand for."""

from __future__ import annotations

import dataclasses
from typing import Any

import ipywidgets as widgets

from course import quick
from course.activations import ACTIVATIONS
from course.config import RunConfig
from course.data import DATASETS
from course.initializers import INITIALIZERS
from course.live import LABEL, text
from course.losses import LOSSES, losses_for
from course.optimizers import OPTIMIZERS
from course.registry import parameters

PAIRS = {"autoencoder": ("mse", "l1"), "classifier": ("cross_entropy", "multi_margin")}
NOTHING = "no second loss"
SIZES = (1_000, 5_000, 10_000, 20_000)
ALL = 0
"""The dropdown's value for the whole training set: None would mean that nothing is chosen."""
WIDE = widgets.Layout(width="auto")


class LossChoice:
    """A dropdown of the losses that fit a task, with a field for its parameter."""

    def __init__(self, description: str, task: str, spec: str | None, optional: bool) -> None:
        name, _, parameter = (spec or NOTHING).partition(":")
        options = losses_for(task)
        self.dropdown = widgets.Dropdown(
            options=[NOTHING, *options] if optional else options,
            value=name,
            description=description,
            style=LABEL,
            layout=widgets.Layout(width="auto", flex="1 1 auto"),
        )
        self.field = widgets.FloatText(
            style={"description_width": "initial"}, layout=widgets.Layout(width="150px")
        )
        self.box = widgets.HBox([self.dropdown, self.field])
        self._second = " (second)" if optional else ""
        self.dropdown.observe(self._offer_parameter, "value")
        self._offer_parameter(None)
        if parameter:
            self.field.value = float(parameter.partition("=")[2])

    @property
    def _parameter(self) -> tuple[str, float] | None:
        name = self.dropdown.value
        found = {} if name == NOTHING else parameters(LOSSES[name].function)
        return next(iter(found.items()), None)

    def _offer_parameter(self, change: object) -> None:
        offered = self._parameter
        self.field.layout.visibility = "visible" if offered else "hidden"
        if offered:
            name, default = offered
            self.field.description, self.field.value = f"{name}{self._second}", default

    @property
    def spec(self) -> str | None:
        """The chosen loss as a spec such as `"lp:p=3"`; None for no second loss."""
        if self.dropdown.value == NOTHING:
            return None
        offered = self._parameter
        if offered is None or self.field.value == offered[1]:
            return self.dropdown.value
        return f"{self.dropdown.value}:{offered[0]}={self.field.value:g}"

    @property
    def formula(self) -> str:
        """The chosen loss in words and as a formula; empty for no second loss."""
        if self.dropdown.value == NOTHING:
            return ""
        entry = LOSSES[self.dropdown.value]
        return f"{entry.title}: ${entry.formula}$"


def _grid(cells: list[widgets.Widget], narrowest: str) -> widgets.GridBox:
    columns = f"repeat(auto-fit, minmax({narrowest}, 1fr))"
    return widgets.GridBox(
        cells, layout=widgets.Layout(grid_template_columns=columns, grid_gap="2px 14px")
    )


class Form:
    """All settings of the laboratory; `configs()` reads them once, when Run is pressed."""

    def __init__(self, task: str, **defaults: Any) -> None:
        allowed = {field.name for field in dataclasses.fields(RunConfig)} - {"device"}
        unknown = sorted(set(defaults) - allowed)
        if unknown:
            raise ValueError(
                f"the laboratory has no setting {', '.join(unknown)}; it has: "
                f"{', '.join(sorted(allowed))}"
            )
        losses = defaults.pop("loss", PAIRS.get(task))
        pair = (losses, None) if isinstance(losses, str) else (*losses, None)[:2]
        start = RunConfig(
            task=task,
            loss=pair[0],
            **({"epochs": quick.epochs(10), "train_size": quick.train_size()} | defaults),
        )
        if pair[1] is not None:
            dataclasses.replace(start, loss=pair[1])
        self.task = task
        self.loss = LossChoice("Loss", task, pair[0], optional=False)
        self.second = LossChoice("Compare with", task, pair[1], optional=True)
        self.controls = self._controls(start)
        self.hint = widgets.HTML(layout=widgets.Layout(margin="0 0 0 116px"))
        self.formula = widgets.HTMLMath(
            layout=widgets.Layout(min_height="40px", margin="0 0 0 116px")
        )
        self._optimizer = start.optimizer
        self.controls["optimizer"].observe(self._suggest_rate, "value")
        for choice in (self.loss, self.second):
            choice.dropdown.observe(self._show_formula, "value")
        self._show_formula(None)
        self._show_hint()
        self.box = widgets.VBox(
            [
                _grid([self.loss.box, self.second.box], "360px"),
                self.formula,
                _grid(list(self.controls.values()), "260px"),
                self.hint,
            ]
        )

    def _controls(self, start: RunConfig) -> dict[str, widgets.Widget]:
        def choice(description: str, options: list[Any], value: Any) -> widgets.Dropdown:
            return widgets.Dropdown(
                options=options, value=value, description=description, style=LABEL, layout=WIDE
            )

        def number(kind: type[widgets.Widget], description: str, value: float) -> widgets.Widget:
            return kind(value, description=description, style=LABEL, layout=WIDE)

        sizes = sorted({*SIZES, *([start.train_size] if start.train_size else [])})
        images = [(f"the first {size:,}", size) for size in sizes] + [("all", ALL)]
        names = {
            kind: list(dict.fromkeys([*registry, chosen]))
            for kind, registry, chosen in (
                ("optimizer", OPTIMIZERS, start.optimizer),
                ("activation", ACTIVATIONS, start.activation),
                ("initializer", INITIALIZERS, start.initializer),
            )
        }
        return {
            "optimizer": choice("Optimizer", names["optimizer"], start.optimizer),
            "lr": number(widgets.FloatText, "Learning rate", start.lr),
            "batch_size": number(widgets.IntText, "Batch size", start.batch_size),
            "activation": choice("Activation", names["activation"], start.activation),
            "initializer": choice("Initializer", names["initializer"], start.initializer),
            "epochs": number(widgets.IntText, "Epochs", start.epochs),
            "dataset": choice("Data set", list(DATASETS), start.dataset),
            "train_size": choice("Training images", images, start.train_size or ALL),
            "seed": number(widgets.IntText, "Seed", start.seed),
        }

    def _suggest_rate(self, change: dict[str, Any]) -> None:
        """Take over the new optimizer's typical rate if the old one's was in place."""
        before, _ = OPTIMIZERS.resolve(self._optimizer)
        self._optimizer = change["new"]
        after, _ = OPTIMIZERS.resolve(self._optimizer)
        if self.controls["lr"].value == before.typical_lr:
            self.controls["lr"].value = after.typical_lr
        self._show_hint()

    def _show_hint(self) -> None:
        entry, _ = OPTIMIZERS.resolve(self._optimizer)
        parts = [f"A learning rate that works with {entry.name}: {entry.typical_lr:g}."]
        self.hint.value = text(" ".join([*parts, quick.note()]).strip(), "quiet")

    def _show_formula(self, change: object) -> None:
        lines = [choice.formula for choice in (self.loss, self.second)]
        self.formula.value = " &emsp; · &emsp; ".join(line for line in lines if line)

    def configs(self) -> list[RunConfig]:
        """Return one config, or two that differ in the loss; raises `ValueError` for bad settings.

        >>> [config.loss for config in Form("autoencoder").configs()]
        ['mse', 'l1']
        """
        settings = {name: control.value for name, control in self.controls.items()}
        settings["train_size"] = settings["train_size"] or None
        chosen = [choice.spec for choice in (self.loss, self.second)]
        return [RunConfig(task=self.task, loss=spec, **settings) for spec in chosen if spec]
