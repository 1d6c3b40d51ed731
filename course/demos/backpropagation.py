"""The figures of lecture 04 beside the stepper: output deltas, slow starts, differences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course import network231 as net
from course.demos.panels import panels, titled
from course.gradients import central_difference, forward_difference
from course.live import LiveCell, explorer
from course.plots import CaptionedFigure, style
from course.plots.style import INK, legend, log_axis

BEHIND_SIGMOID = {"mse_sigmoid": "½ squared error", "bce_sigmoid": "binary cross-entropy"}


def delta_figure() -> CaptionedFigure:
    """Return both losses behind a sigmoid as functions of z for target 1, and their deltas."""
    z = torch.linspace(-8, 8, 401, dtype=torch.float64)
    prob, target = torch.sigmoid(z), torch.ones_like(z)
    losses = {"mse_sigmoid": 0.5 * (prob - target) ** 2, "bce_sigmoid": -prob.log()}
    figure, (left, right) = panels(2)
    for index, (kind, name) in enumerate(BEHIND_SIGMOID.items()):
        left.plot(z, losses[kind], label=name, **style(index))
        right.plot(z, net.OUTPUT_DELTAS[kind](prob, target), label=name, **style(index))
    titled(left, "input z of the sigmoid", "loss L", "Loss, target 1")
    titled(right, "input z of the sigmoid", "δ = ∂L/∂z", "Output delta, target 1")
    legend(left)
    legend(right)
    wrong = torch.sigmoid(torch.tensor(-6.0, dtype=torch.float64))
    deltas = [net.OUTPUT_DELTAS[kind](wrong, torch.tensor(1.0)).item() for kind in BEHIND_SIGMOID]
    figure.alt = (
        f"Half the squared error flattens to the left and is not convex in z; binary "
        f"cross-entropy is convex. At z = −6, a confident mistake, δ is {deltas[0]:.4f} for the "
        f"squared error and {deltas[1]:.4f} for cross-entropy."
    )
    return figure


def slow_start(kind: str, start: float, lr: float, updates: int) -> list[float]:
    """Return the predictions of one sigmoid unit with a bias only, updated towards target 0.

    The bias is the unit's z: b ← b − lr·δ. `start` is the prediction it begins with.

    >>> [round(prob, 3) for prob in slow_start("bce_sigmoid", 0.5, 1.0, 2)]
    [0.5, 0.378, 0.294]
    """
    if not 0 < start < 1:
        raise ValueError(f"a sigmoid predicts between 0 and 1, got a start of {start}")
    b = torch.logit(torch.tensor(start, dtype=torch.float64))
    target = torch.zeros_like(b)
    predictions = [start]
    for _ in range(updates):
        b = b - lr * net.OUTPUT_DELTAS[kind](torch.sigmoid(b), target)
        predictions.append(torch.sigmoid(b).item())
    return predictions


def slow_start_figure(start: float = 0.98, lr: float = 0.5, updates: int = 300) -> CaptionedFigure:
    """Return how the predictions of `slow_start` fall with either loss."""
    figure, [axes] = panels(1, height=3.5, width=7.0)
    words = []
    for index, (kind, name) in enumerate(BEHIND_SIGMOID.items()):
        predictions = slow_start(kind, start, lr, updates)
        axes.plot(predictions, label=name, **style(index))
        passed = [i for i, prob in enumerate(predictions) if prob < 0.5]
        when = f"after {passed[0]} updates" if passed else f"not within {updates} updates"
        words.append(f"with {name} {when}")
    axes.set_ylim(0, 1)
    titled(axes, "update", "prediction", f"From {start:g} towards 0, learning rate {lr:g}")
    legend(axes)
    figure.alt = (
        f"The prediction starts at {start:g}, the target is 0. It falls below ½ {', '.join(words)}."
    )
    return figure


def slow_start_explorer() -> LiveCell:
    """Return `slow_start_figure` with its start and its learning rate to choose."""
    return explorer(slow_start_figure, start=(0.5, 0.999, 0.98), lr=[0.5, 0.1, 1.0, 5.0])


def secant_figure(epsilon: float = 0.5) -> CaptionedFigure:
    """Return x² near 1.5 with its tangent and the secants of both difference quotients."""
    if not 0 < epsilon <= 1:
        raise ValueError(f"choose ε above 0 and up to 1, got {epsilon}")

    def square(x: float) -> float:
        return x**2

    x = torch.linspace(0.3, 2.7, 200)
    figure, [axes] = panels(1, height=4.0, width=7.0)
    axes.plot(x, square(x), color=INK, linewidth=2, label="f(x) = x²")
    forward = forward_difference(square, 1.5, epsilon)
    central = central_difference(square, 1.5, epsilon)
    lines = (
        ("tangent, slope 3", 3.0, 1.5),
        (f"forward difference, slope {forward:.4g}", forward, 1.5),
        (f"central difference, slope {central:.4g}", central, 1.5 - epsilon),
    )
    for index, (name, slope, through) in enumerate(lines):
        axes.plot(x, square(through) + slope * (x - through), label=name, **style(index))
    ends = [1.5 - epsilon, 1.5, 1.5 + epsilon]
    axes.plot(ends, [square(end) for end in ends], "o", color=INK)
    axes.set_ylim(-1, 7.5)
    titled(axes, "x", "f(x)", f"Slope of x² at 1.5 from differences, ε = {epsilon:g}")
    legend(axes)
    figure.alt = (
        f"At ε = {epsilon:g} the forward difference has slope {forward:.4g}, the central one "
        f"{central:.4g}; the tangent has 3. The central secant is parallel to the tangent."
    )
    return figure


def _along_one_weight(dtype: torch.dtype) -> Callable[[float], float]:
    """Return the 2-3-1 network's cost as a function of its first weight, computed in `dtype`."""
    X, target, W1, W2 = (part.to(dtype) for part in (net.X, net.TARGET, net.W1, net.W2))

    def cost(w: float) -> float:
        moved = W1.clone()
        moved[0, 0] = w
        return net.cost(X, target, moved, W2).item()

    return cost


def difference_errors() -> tuple[Tensor, dict[str, list[float]]]:
    """Return step sizes ε and, for three ways, the relative errors of ∂J/∂W1[1, 1] at each."""
    epsilons = torch.logspace(-12, 0, 49, dtype=torch.float64)
    exact = net.backward(net.X, net.TARGET, net.W1, net.W2).dW1[0, 0].item()
    at = net.W1[0, 0].item()
    ways = {
        "forward, float64": (forward_difference, torch.float64),
        "central, float64": (central_difference, torch.float64),
        "central, float32": (central_difference, torch.float32),
    }
    errors = {}
    for name, (difference, dtype) in ways.items():
        cost = _along_one_weight(dtype)
        errors[name] = [abs(difference(cost, at, e) / exact - 1) for e in epsilons.tolist()]
    return epsilons, errors


def error_figure() -> CaptionedFigure:
    """Return the error of numerical gradients against ε: too large a step, then too small a one."""
    epsilons, errors = difference_errors()
    figure, [axes] = panels(1, height=4.0, width=7.0)
    words = []
    for index, (name, values) in enumerate(errors.items()):
        axes.plot(epsilons, values, label=name, **style(index))
        best = min(range(len(values)), key=values.__getitem__)
        words.append(f"{name}: {values[best]:.1g} at ε = {epsilons[best]:.1g}")
    titled(axes, "step ε", "relative error of the derivative", "Numerical derivative against ε")
    axes.set_xscale("log")
    ticks = [10.0**power for power in range(-12, 1, 2)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    log_axis(axes)
    legend(axes)
    figure.alt = (
        f"Each curve falls with ε while the formula's own error rules, then rises as rounding "
        f"takes over. Smallest errors: {'; '.join(words)}."
    )
    return figure
