"""Figures and live parts of lecture 02: the activations, and gradients through depth."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable

import torch
from IPython.display import Markdown
from torch import Tensor

from course.activations import ACTIVATIONS
from course.demos.tables import formula, markdown_table
from course.depth import gradient_sizes
from course.initializers import INITIALIZERS
from course.live import LiveCell, explorer
from course.plots import activation_figure
from course.plots.style import CaptionedFigure, legend, log_axis, new_figure, style, tidy
from course.registry import parameters

HIDDEN = [name for name in ACTIVATIONS if name != "softmax"]


def _parameters(name: str) -> dict[str, float]:
    function = ACTIVATIONS[name].function
    return {} if inspect.isbuiltin(function) else parameters(function)


def table() -> Markdown:
    """Return every activation with its formula, derivative, range and parameter."""
    rows = [
        (
            name,
            formula(entry.formula),
            formula(entry.derivative_formula),
            entry.values,
            ", ".join(f"{key} = {value}" for key, value in _parameters(name).items()),
        )
        for name, entry in ACTIVATIONS.items()
    ]
    return markdown_table(("activation", "φ(z)", "φ′(z)", "values", "parameter"), rows)


def gallery() -> CaptionedFigure:
    """Return all elementwise activations, each with its derivative, over z from −4 to 4."""
    figure = new_figure(10.0, 7.6)
    z = torch.linspace(-4, 4, 401)
    words = []
    for place, name in enumerate(HIDDEN):
        entry = ACTIVATIONS[name]
        axes = figure.add_subplot(3, 4, place + 1)
        value, slope = entry.function(z), entry.derivative(z)
        axes.plot(z, value, label="φ(z)", **style(0))
        axes.plot(z, slope, label="φ′(z)", **style(1))
        axes.set_ylim(-1.6, 2.2)
        axes.set_title(name, fontsize=11)
        tidy(axes, "input z", "")
        words.append(f"{name} {slope.min():.3g} to {slope.max():.3g}")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc=(0.8, 0.15), handlelength=2.8, frameon=False)
    figure.tight_layout()
    figure.alt = f"Each activation and its derivative. The derivatives range: {'; '.join(words)}."
    return figure


def explore(activation: str, parameter: float, z: float) -> CaptionedFigure:
    """Return an activation beside its derivative, with the point z marked on both."""
    entry = ACTIVATIONS[activation]
    names = list(_parameters(activation))
    chosen = dict.fromkeys(names[:1], parameter)
    spec = activation + "".join(f":{name}={value:g}" for name, value in chosen.items())
    figure = activation_figure(spec)
    if activation == "softmax":
        pair = torch.tensor([z, 0.0])
        value, slope = entry.function(pair)[0].item(), entry.derivative(pair)[0, 0].item()
    else:
        point = torch.tensor(z)
        value = entry.function(point, **chosen).item()
        slope = entry.derivative(point, **chosen).item()
    for axes, height in zip(figure.axes, (value, slope)):
        axes.plot(z, height, "o", color="black", markersize=8)
    note = f"with {names[0]} = {parameter:g}" if names else "it has no parameter"
    figure.alt = (
        f"{entry.title} ({note}): at z = {z:.3g} the output is {value:.4g} and the derivative "
        f"{slope:.4g}. {figure.alt}"
    )
    return figure


def depth_figure(
    *activations: str, depth: int = 20, initializer: str = "xavier_normal"
) -> CaptionedFigure:
    """Return the size of δ = ∂L/∂z in each layer, one curve an activation, on a log axis.

    An activation whose gradient is 0 or beyond float32 in some layer has no place on a log axis;
    the caption names it.
    """
    figure = new_figure(7.0, 4.0)
    axes = figure.add_axes((0.14, 0.13, 0.83, 0.84))
    words, none, beyond = [], [], []
    for index, name in enumerate(dict.fromkeys(activations)):
        sizes = gradient_sizes(name, depth=depth, initializer=initializer)
        if not all(map(math.isfinite, sizes)):
            beyond.append(name)
            continue
        if not all(sizes):
            none.append(name)
            continue
        axes.plot(range(1, depth + 1), sizes, label=name, **style(index))
        words.append(f"{name} {sizes[-1]:.2g} → {sizes[0]:.2g}")
    tidy(axes, "layer (1 is next to the input)", "size of δ, root mean square")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if words:
        log_axis(axes)
        legend(axes)
    figure.alt = (
        f"Size of the gradient δ through {depth} layers of 64 units ({initializer}), "
        f"last layer → first layer: {'; '.join(words) or 'nothing to draw'}."
    )
    if none:
        figure.alt += f" No gradient at all reaches the first layer with {', '.join(none)}."
    if beyond:
        figure.alt += f" With {', '.join(beyond)} the numbers grow beyond float32."
    return figure


def relative_costs(
    functions: dict[str, Callable[[Tensor], Tensor]], X: Tensor, rounds: int = 30
) -> dict[str, float]:
    """Return the time each function takes on X, as a multiple of what the first one takes.

    The functions take turns, and the shortest of the rounds counts: other programs on the machine
    can only lengthen a round.

    >>> costs = relative_costs({"once": torch.relu, "again": torch.relu}, torch.ones(10), rounds=2)
    >>> costs["once"]
    1.0
    """
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function(X)
            best[name] = min(best[name], time.perf_counter() - start)
    first = next(iter(best.values()))
    return {name: seconds / first for name, seconds in best.items()}


def live_activation() -> LiveCell:
    """Return any activation beside its derivative, with its parameter and z to move."""
    start = ["leaky_relu", *(name for name in ACTIVATIONS if name != "leaky_relu")]
    return explorer(explore, activation=start, parameter=(0.0, 2.0, 0.1), z=(-4.0, 4.0, -2.0))


def live_depth() -> LiveCell:
    """Return gradients through depth for two activations of the learner's choice."""

    def draw(first: str, second: str, initializer: str, depth: float) -> CaptionedFigure:
        return depth_figure(first, second, depth=round(depth), initializer=initializer)

    others = ["relu", *(name for name in HIDDEN if name != "relu")]
    order = ["sigmoid", *(name for name in HIDDEN if name != "sigmoid")]
    start = ["xavier_normal", *(name for name in INITIALIZERS if name != "xavier_normal")]
    return explorer(draw, first=order, second=others, initializer=start, depth=(2, 40, 20))
