"""Figures of lecture 01: a neuron, its costs, points with a line, XOR."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from torch import Tensor, nn

from course.perceptron import (
    XOR_X,
    XOR_Y,
    Step,
    perceptron_grad,
    perceptron_loss,
    with_bias,
    zero_one_loss,
)
from course.plots.style import COLOURS, INK, CaptionedFigure, legend, new_figure, style, tidy

LOOKS = {1.0: ("o", COLOURS[0], "class +1"), -1.0: ("s", COLOURS[1], "class −1")}


def neuron(inputs: int = 3) -> CaptionedFigure:
    """Return the drawing of an artificial neuron: inputs, weights, sum, activation, output."""
    figure = new_figure(7.0, 2.6)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 10), ylim=(0, inputs + 1.2))
    axes.axis("off")
    middle = (inputs + 1.2) / 2
    for row in range(inputs):
        y = inputs + 0.7 - row * (inputs / (inputs - 1))
        axes.annotate("", (4.0, middle), (1.0, y), arrowprops={"arrowstyle": "->", "color": INK})
        axes.text(0.75, y, f"x{row + 1}", ha="center", va="center", fontsize=12)
        axes.text(2.0, middle + (y - middle) * 0.67 + 0.12, f"w{row + 1}", fontsize=11)
    axes.annotate("", (4.35, middle - 0.4), (4.35, 0.35), arrowprops={"arrowstyle": "->"})
    axes.text(4.5, 0.35, "bias b", fontsize=11, va="center")
    for x, label in ((4.4, "Σ"), (6.6, "φ")):
        axes.plot(x, middle, "o", markersize=34, color="white", markeredgecolor=INK)
        axes.text(x, middle, label, ha="center", va="center", fontsize=15)
    for start, end, label in ((4.8, 6.2, "score s"), (7.0, 8.6, "output y")):
        axes.annotate("", (end, middle), (start, middle), arrowprops={"arrowstyle": "->"})
        axes.text((start + end) / 2, middle + 0.25, label, ha="center", fontsize=11)
    figure.alt = (
        f"An artificial neuron: {inputs} inputs, each multiplied by its weight, and the bias are "
        f"added up to the score s; the activation function φ turns the score into the output y."
    )
    return figure


def _scatter(axes: Axes, X: Tensor, y: Tensor) -> None:
    for label, (marker, colour, name) in LOOKS.items():
        chosen = X[y == label]
        axes.scatter(*chosen.T, marker=marker, color=colour, s=45, label=name, zorder=3)


def _limits(X: Tensor) -> tuple[Tensor, Tensor]:
    low, high = X.amin(0), X.amax(0)
    room = 0.3 * (high - low).clamp(min=1.0)
    return low - room, high + room


def _shade(axes: Axes, grid_x: Tensor, grid_y: Tensor, score: Tensor) -> None:
    """Draw where the score is 0 and shade where it is positive."""
    if bool(score.max() > 0):
        top = [0.0, float(score.max())]
        axes.contourf(grid_x, grid_y, score, levels=top, colors=[COLOURS[0]], alpha=0.12)
    if bool(score.min() < 0 < score.max()):
        axes.contour(grid_x, grid_y, score, levels=[0.0], colors=[INK], linewidths=1.8)


def _line(axes: Axes, theta: Tensor, low: Tensor, high: Tensor) -> None:
    horizontal, vertical = (torch.linspace(float(low[i]), float(high[i]), 200) for i in (0, 1))
    grid_x, grid_y = torch.meshgrid(horizontal, vertical, indexing="xy")
    score = theta[0] + theta[1] * grid_x + theta[2] * grid_y
    _shade(axes, grid_x, grid_y, score)


def sentence(step: Step, points: int) -> str:
    """Return in words where training stands."""
    if not points:
        return "No points: add some."
    wrong = int(step.wrong.sum())
    bias, first, second = step.theta.tolist()
    state = "every point is on its side" if step.done else f"{wrong} of {points} are misclassified"
    return (
        f"Update {step.update}: {state}; bias {bias:.4g}, weights {first:.4g} and {second:.4g}, "
        f"perceptron loss {step.loss:.4g}."
    )


def _draw_points(axes: Axes, X: Tensor, y: Tensor, step: Step) -> None:
    low, high = _limits(X) if len(X) else (torch.tensor([-1.0, -1.0]), torch.tensor([1.0, 1.0]))
    if bool(step.theta[1:].any()):
        _line(axes, step.theta, low, high)
    _scatter(axes, X, y)
    ring = {"facecolors": "none", "edgecolors": INK, "s": 150, "linewidths": 1.4, "zorder": 4}
    axes.scatter(*X[step.wrong].T, **ring, label="misclassified")
    axes.set(xlim=(float(low[0]), float(high[0])), ylim=(float(low[1]), float(high[1])))
    tidy(axes, "x1", "x2")


def points_figure(X: Tensor, y: Tensor, step: Step, numbered: bool = False) -> CaptionedFigure:
    """Return 2-D points with the line where the score is 0; misclassified points are ringed."""
    figure = new_figure(6.2, 4.2)
    axes = figure.add_axes((0.1, 0.13, 0.6, 0.83))
    _draw_points(axes, X, y, step)
    if numbered:
        for number, (x1, x2) in enumerate(X.tolist(), start=1):
            axes.annotate(str(number), (x1, x2), (6, 6), textcoords="offset points", fontsize=9)
    figure.legend(loc="upper left", bbox_to_anchor=(0.71, 0.97), fontsize=9, frameon=False)
    figure.alt = (
        f"{int((y > 0).sum())} points of class +1 (circles) and {int((y < 0).sum())} of class −1 "
        f"(squares); the side of class +1 is shaded. {sentence(step, len(X))}"
    )
    return figure


def steps_figure(X: Tensor, y: Tensor, steps: Sequence[Step]) -> CaptionedFigure:
    """Return the same points at several moments of training, side by side."""
    figure = new_figure(3.1 * len(steps), 3.2)
    for place, step in enumerate(steps):
        axes = figure.add_subplot(1, len(steps), place + 1)
        _draw_points(axes, X, y, step)
        axes.set_title(f"update {step.update}: {int(step.wrong.sum())} wrong", fontsize=11)
    figure.tight_layout()
    figure.alt = " ".join(sentence(step, len(X)) for step in steps)
    return figure


def costs_figure(X: Tensor, y: Tensor, theta: Tensor, low: float, high: float) -> CaptionedFigure:
    """Return the 0/1 loss and the perceptron loss as the bias θ₀ moves from low to high."""
    figure = new_figure(10.0, 3.6)
    biases = torch.linspace(low, high, 401)
    X1 = with_bias(X)
    thetas = [torch.cat([bias.reshape(1), theta[1:]]) for bias in biases]
    costs = (
        ("0/1 loss (share misclassified)", [zero_one_loss(t, X1, y) for t in thetas],
         torch.zeros_like(biases)),
        ("perceptron loss (distance)", [perceptron_loss(t, X1, y) for t in thetas],
         torch.stack([perceptron_grad(t, X1, y)[0] for t in thetas])),
    )  # fmt: skip
    words = []
    for place, (name, values, slope) in enumerate(costs):
        axes = figure.add_axes((0.07 + 0.5 * place, 0.15, 0.41, 0.81))
        axes.plot(biases, torch.stack(values), label="cost", **style(0))
        axes.plot(biases, slope, label="its slope", **style(1))
        tidy(axes, "bias θ₀", name)
        legend(axes)
        words.append(
            f"The {name} runs from {min(values):.3g} to {max(values):.3g}, "
            f"its slope from {slope.min():.3g} to {slope.max():.3g}"
        )
    figure.alt = f"Two costs over the bias θ₀ from {low:g} to {high:g}. {'. '.join(words)}."
    return figure


@torch.no_grad()
def hidden_figure(W1: Tensor, b1: Tensor, activation, theta: Tensor) -> CaptionedFigure:
    """Return XOR before and after a hidden layer of two units, with the line θ after it."""
    H = activation(XOR_X @ W1 + b1)
    figure = new_figure(9.0, 3.6)
    for place, (X, names) in enumerate(((XOR_X, ("x1", "x2")), (H, ("h1", "h2")))):
        axes = figure.add_axes((0.08 + 0.5 * place, 0.15, 0.38, 0.8))
        low, high = _limits(X)
        if place:
            _line(axes, theta, low, high)
        _scatter(axes, X, XOR_Y)
        axes.set(xlim=(float(low[0]), float(high[0])), ylim=(float(low[1]), float(high[1])))
        tidy(axes, *names)
        axes.legend(loc="center left", fontsize=9)
    moved = ", ".join(f"({x[0]:g}, {x[1]:g}) → ({h[0]:.2g}, {h[1]:.2g})" for x, h in zip(XOR_X, H))
    figure.alt = (
        f"Left: the four XOR points in the input plane, where no line separates them. Right: the "
        f"same points after the hidden layer, {moved}, with a line that does."
    )
    return figure


@torch.no_grad()
def regions_figure(model: nn.Module, losses: Sequence[float]) -> CaptionedFigure:
    """Return the loss of a trained XOR network and the regions it gives to the two classes."""
    figure = new_figure(9.0, 3.6)
    left = figure.add_axes((0.08, 0.15, 0.38, 0.8))
    left.plot(range(1, len(losses) + 1), losses, **style(0))
    tidy(left, "epoch", "loss, mean of log(1 + exp(−y·s))")
    right = figure.add_axes((0.58, 0.15, 0.38, 0.8))
    side = torch.linspace(-0.5, 1.5, 200)
    grid_x, grid_y = torch.meshgrid(side, side, indexing="xy")
    score = model(torch.stack([grid_x, grid_y], dim=2)).squeeze(2)
    _shade(right, grid_x, grid_y, score)
    _scatter(right, XOR_X, XOR_Y)
    tidy(right, "x1", "x2")
    scores = model(XOR_X).squeeze(1)
    figure.alt = (
        f"Left: the loss falls from {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} epochs. "
        f"Right: the side of class +1 is shaded; "
        f"{int((scores.sign() == XOR_Y).sum())} of 4 XOR points are on their side."
    )
    return figure
