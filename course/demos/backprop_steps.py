"""Backpropagation step by step: the 2-3-1 network drawn with its numbers, one step a figure."""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets as widgets
from matplotlib.axes import Axes
from torch import Tensor

from course import network231 as net
from course.live import LiveCell, explorer
from course.plots import CaptionedFigure, new_figure
from course.plots.style import COLOURS, INK, PALE

FORWARD, BACKWARD = COLOURS[0], COLOURS[1]
INPUTS = ((0.07, 0.72), (0.07, 0.28))
HIDDEN = ((0.46, 0.88), (0.46, 0.50), (0.46, 0.12))
OUTPUT = (0.79, 0.50)
COST = (0.95, 0.50)
LABEL_AT = ((0.45, 0.30, 0.62), (0.62, 0.30, 0.45))
"""How far along each input's three connections its numbers stand, so that none overlap."""


@dataclass(frozen=True)
class Step:
    """One step of a training update: what is computed, by which rule, with which numbers."""

    title: str
    rule: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """All numbers of one update of the 2-3-1 network on one sample, for `lr`."""

    x: Tensor
    target: Tensor
    lr: float

    @property
    def forward(self) -> net.Forward:
        return net.forward(self.x, net.W1, net.W2)

    @property
    def backward(self) -> net.Backward:
        return net.backward(self.x, self.target, net.W1, net.W2)

    @property
    def cost(self) -> float:
        return net.cost(self.x, self.target, net.W1, net.W2).item()

    @property
    def cost_after(self) -> float:
        gradient = self.backward
        W1, W2 = net.W1 - self.lr * gradient.dW1, net.W2 - self.lr * gradient.dW2
        return net.cost(self.x, self.target, W1, W2).item()


def one_update(sample: int = 0, lr: float = 1.0) -> Update:
    """Return the update on sample 0, 1 or 2 of the network's example data.

    >>> round(one_update().cost, 4)
    0.0195
    """
    if not 0 <= sample < len(net.X):
        raise ValueError(f"there are samples 0 to {len(net.X) - 1}, got {sample}")
    return Update(net.X[sample : sample + 1], net.TARGET[sample : sample + 1], lr)


def _n(value: Tensor | float) -> str:
    return f"{float(value):.4f}".replace("-", "−")


def _product(a: Tensor, b: Tensor) -> str:
    return f"{_n(a)}·{_n(b)}" if b >= 0 else f"{_n(a)}·({_n(b)})"


def steps(update: Update) -> list[Step]:
    """Return the thirteen steps of one update, forward (0 to 5), backward (6 to 11), update (12).

    >>> [step.title for step in steps(one_update())][7]
    'The output delta'
    """
    (x1, x2), W1, W2 = update.x[0], net.W1, net.W2[:, 0]
    z2, a2, z3, pred = (part[0] for part in update.forward)
    delta3, dW2, delta2, dW1 = update.backward
    delta3, delta2, dW2 = delta3[0], delta2[0], dW2[:, 0]
    target, slope3, slope2 = update.target[0], net.sigmoid_prime(z3), net.sigmoid_prime(z2)
    units = range(3)
    back = delta3 * W2
    return [
        Step("One sample, nine weights", "given: x, W1 (2, 3), W2 (3, 1), target", (
            f"x = ({_n(x1)}, {_n(x2)})    target = {_n(target)}",)),
        Step("Hidden sums", "z2 = x @ W1", tuple(
            f"z2[{j + 1}] = {_product(x1, W1[0, j])} + {_product(x2, W1[1, j])} = {_n(z2[j])}"
            for j in units)),
        Step("Hidden activations", "a2 = σ(z2)", tuple(
            f"a2[{j + 1}] = σ({_n(z2[j])}) = {_n(a2[j])}" for j in units)),
        Step("Output sum", "z3 = a2 @ W2", (
            "z3 = " + " + ".join(f"{_product(a2[j], W2[j])}" for j in units) + f" = {_n(z3)}",)),
        Step("Prediction", "pred = σ(z3)", (f"pred = σ({_n(z3)}) = {_n(pred)}",)),
        Step("Cost", "J = ½ (target − pred)²", (
            f"J = ½ ({_n(target)} − {_n(pred)})² = {_n(update.cost)}",)),
        Step("How J changes with the prediction", "∂J/∂pred = pred − target", (
            f"∂J/∂pred = {_n(pred)} − {_n(target)} = {_n(pred - target)}",)),
        Step("The output delta", "δ3 = ∂J/∂z3 = ∂J/∂pred · σ′(z3),  σ′(z3) = pred (1 − pred)", (
            f"σ′(z3) = {_product(pred, 1 - pred)} = {_n(slope3)}",
            f"δ3 = {_product(pred - target, slope3)} = {_n(delta3)}")),
        Step("Gradient of W2", "∂J/∂W2 = a2ᵀ @ δ3", tuple(
            f"∂J/∂W2[{j + 1}] = {_product(a2[j], delta3)} = {_n(dW2[j])}" for j in units)),
        Step("Back through W2", "∂J/∂a2 = δ3 @ W2ᵀ", tuple(
            f"∂J/∂a2[{j + 1}] = {_product(delta3, W2[j])} = {_n(back[j])}" for j in units)),
        Step("The hidden deltas", "δ2 = (δ3 @ W2ᵀ) ⊙ σ′(z2),  σ′(z2) = a2 (1 − a2)", tuple(
            f"δ2[{j + 1}] = {_product(back[j], slope2[j])} = {_n(delta2[j])}" for j in units)),
        Step("Gradient of W1", "∂J/∂W1 = xᵀ @ δ2", tuple(
            f"column {j + 1}: {_product(x1, delta2[j])} = {_n(dW1[0, j])},   "
            f"{_product(x2, delta2[j])} = {_n(dW1[1, j])}" for j in units)),
        Step("Update", f"W ← W − lr · ∂J/∂W,  lr = {update.lr:g}", (
            f"J before: {_n(update.cost)}",
            f"J after:  {_n(update.cost_after)}")),
    ]  # fmt: skip


def _node(axes: Axes, at: tuple[float, float], text: str, lit: bool, colour: str) -> None:
    axes.plot(
        *at, "o", markersize=40, markerfacecolor="white", zorder=3,
        markeredgecolor=colour if lit else INK, markeredgewidth=3 if lit else 1.2,
    )  # fmt: skip
    axes.text(*at, text, ha="center", va="center", fontsize=9, color=INK, zorder=4)


def _note(axes: Axes, x: float, y: float, text: str, colour: str, lit: bool) -> None:
    axes.text(
        x, y, text, ha="center", va="center", fontsize=9, color=colour, zorder=4,
        fontweight="bold" if lit else "normal",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def _edge(
    axes: Axes, start: tuple, end: tuple, share: float, weight: str, slope: str, lit: bool
) -> None:
    """Draw a connection with its weight, and below it the gradient once it is known."""
    axes.plot(
        [start[0], end[0]], [start[1], end[1]], zorder=1,
        color=BACKWARD if lit else PALE, linewidth=2.2 if lit else 1.4,
    )  # fmt: skip
    x = start[0] + share * (end[0] - start[0])
    y = start[1] + share * (end[1] - start[1])
    _note(axes, x, y + (0.024 if slope else 0), weight, INK, False)
    if slope:
        _note(axes, x, y - 0.024, slope, BACKWARD, lit)


def network_figure(step: int = 12, sample: int = 0, lr: float = 1.0) -> CaptionedFigure:
    """Return the network with every number known by this step; the newest are bold.

    Blue: forward values. Vermilion: gradients. Black on the lines: the weights, which after the
    last step are the new ones.

    >>> network_figure(0).alt
    'Step 0 of 12, One sample, nine weights: x = (0.4000, 1.0000)    target = 0.7500.'
    """
    update = one_update(sample, lr)
    now = steps(update)[step]
    z2, a2, z3, pred = (part[0] for part in update.forward)
    gradient = update.backward
    W1, W2 = net.W1, net.W2
    if step == 12:
        W1, W2 = W1 - lr * gradient.dW1, W2 - lr * gradient.dW2
    figure = new_figure(10.0, 6.2)
    axes = figure.add_axes((0.0, 0.24, 1.0, 0.76))
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.06, 1.06)
    axes.axis("off")
    for i, start in enumerate(INPUTS):
        for j, end in enumerate(HIDDEN):
            slope = f"∂ {_n(gradient.dW1[i, j])}" if step >= 11 else ""
            _edge(axes, start, end, LABEL_AT[i][j], _n(W1[i, j]), slope, step == 11)
        _node(axes, start, f"x{i + 1}\n{_n(update.x[0, i])}", step == 0, FORWARD)
    for j, at in enumerate(HIDDEN):
        slope = f"∂ {_n(gradient.dW2[j, 0])}" if step >= 8 else ""
        _edge(axes, at, OUTPUT, 0.36, _n(W2[j, 0]), slope, step == 8)
        _node(axes, at, f"a2[{j + 1}]\n{_n(a2[j])}" if step >= 2 else f"a2[{j + 1}]",
              step == 2, FORWARD)  # fmt: skip
        if step >= 1:
            _note(axes, at[0], at[1] + 0.115, f"z2 {_n(z2[j])}", FORWARD, step == 1)
        if step == 9:
            _note(axes, at[0], at[1] - 0.115, f"∂J/∂a2 {_n(gradient.delta3[0, 0] * net.W2[j, 0])}",
                  BACKWARD, True)  # fmt: skip
        if step >= 10:
            delta = f"δ2 {_n(gradient.delta2[0, j])}"
            _note(axes, at[0], at[1] - 0.115, delta, BACKWARD, step == 10)
    axes.plot([OUTPUT[0], COST[0]], [0.5, 0.5], color=PALE, linewidth=1.4, zorder=1)
    _node(axes, OUTPUT, f"pred\n{_n(pred)}" if step >= 4 else "pred", step == 4, FORWARD)
    _node(axes, COST, f"J\n{_n(update.cost)}" if step >= 5 else "J", step == 5, FORWARD)
    _note(axes, COST[0], 0.385, f"target {_n(update.target[0, 0])}", INK, False)
    if step >= 3:
        _note(axes, OUTPUT[0], 0.615, f"z3 {_n(z3)}", FORWARD, step == 3)
    if step >= 6:
        _note(axes, 0.875, 0.615, f"∂J/∂pred\n{_n(pred - update.target[0])}", BACKWARD, step == 6)
    if step >= 7:
        _note(axes, OUTPUT[0], 0.385, f"δ3 {_n(gradient.delta3[0, 0])}", BACKWARD, step == 7)
    _explain(figure, step, now)
    figure.alt = f"Step {step} of 12, {now.title}: {'; '.join(now.numbers)}."
    return figure


def _explain(figure: CaptionedFigure, step: int, now: Step) -> None:
    colour = FORWARD if step <= 5 else BACKWARD
    where = "forward" if step <= 5 else "backward" if step <= 11 else "update"
    figure.text(
        0.03, 0.2, f"Step {step} of 12, {where}: {now.title}", fontsize=12, color=colour,
        fontweight="bold",
    )  # fmt: skip
    figure.text(0.03, 0.155, now.rule, fontsize=11, color=INK)
    figure.text(
        0.03, 0.13, "\n".join(now.numbers), fontsize=10, color=INK, va="top", family="monospace",
        linespacing=1.4,
    )  # fmt: skip


def stepper() -> LiveCell:
    """Return the network with buttons for the next and the previous step."""
    names = {f"{i} {step.title}": i for i, step in enumerate(steps(one_update()))}
    live = explorer(network_figure, step=names, sample=[0, 1, 2], lr=(0.0, 10.0, 1.0))
    chosen = live.controls["step"]

    def move(by: int) -> None:
        chosen.index = min(max(chosen.index + by, 0), len(names) - 1)

    back, ahead = (
        widgets.Button(description="Previous step"),
        widgets.Button(description="Next step"),
    )
    back.on_click(lambda _: move(-1))
    ahead.on_click(lambda _: move(1))
    live.box.children = (widgets.HBox([back, ahead]), *live.box.children)
    return live
