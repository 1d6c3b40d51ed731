"""A loss or an activation as a curve, with its derivative beside it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course.activations import ACTIVATIONS
from course.losses import LOSSES, Loss
from course.plots.style import CaptionedFigure, legend, new_figure, style, tidy

POINTS = 401

AXES = {
    "values": "error (prediction − target)",
    "probabilities": "probability given to the true class",
    "logits": "logit of the true class",
    "scores": "score of the true class",
    "log_probabilities": "log-probability of the true class",
}
SPANS = {
    "values": (-3.0, 3.0),
    "probabilities": (0.01, 0.99),
    "logits": (-4.0, 4.0),
    "scores": (-4.0, 4.0),
    "log_probabilities": (-4.0, 0.0),
}


def _of_one_sample(entry: Loss, function: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the loss of one sample as a function of what the network says of its true class.

    Regression has target 0. With several classes there are two; the other one's entry is 0.
    """

    def loss(x: Tensor) -> Tensor:
        pair = torch.stack([x, torch.zeros_like(x)])
        if entry.target == "labels":
            return function(pair[None], torch.tensor([0]))
        if entry.target == "one_hot":
            return function(pair[None], torch.tensor([[1.0, 0.0]], dtype=x.dtype))
        target = 0.0 if entry.family == "regression" else 1.0
        return function(x[None], x.new_tensor([target]))

    return loss


def _with_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return a scalar function's value and gradient at every x, by automatic differentiation."""
    points = x.clone().requires_grad_()
    values = torch.stack([function(point) for point in points])
    (gradient,) = torch.autograd.grad(values.sum(), points, allow_unused=True)
    return values.detach(), torch.zeros_like(x) if gradient is None else gradient


def _pair(
    x: Tensor,
    curves: dict[str, tuple[Tensor, Tensor]],
    xlabel: str,
    names: tuple[str, str],
) -> CaptionedFigure:
    figure = new_figure(10.0, 3.6)
    for side, name in enumerate(names):
        axes = figure.add_axes((0.07 + 0.5 * side, 0.14, 0.41, 0.83))
        for index, (label, pair) in enumerate(curves.items()):
            axes.plot(x, pair[side], label=label, **style(index))
        axes.axhline(0, color="#999999", linewidth=0.8)
        tidy(axes, xlabel, name)
        if not side:
            legend(axes)
    words = []
    for label, pair in curves.items():
        value, slope = (f"{side.min().round(decimals=6):.3g} to {side.max():.3g}" for side in pair)
        words.append(f"{label} has values from {value} and slopes from {slope}")
    figure.alt = (
        f"Curves of {names[0]} and {names[1]} over {xlabel} from {x[0]:.3g} to {x[-1]:.3g}: "
        f"{'; '.join(words)}."
    )
    return figure


def loss_figure(*specs: str, span: tuple[float, float] | None = None) -> CaptionedFigure:
    """Return losses of one sample and their derivatives, side by side, over the same axis.

    Raises `ValueError` for losses that expect different things, such as `mse` and `hinge`.

    >>> len(loss_figure("mse", "huber:delta=0.5").axes)
    2
    """
    chosen = [(spec, *LOSSES.resolve(spec)) for spec in specs]
    expected = {entry.expects for _, entry, _ in chosen}
    if len(expected) != 1:
        raise ValueError(
            f"losses on one axis must expect the same; {', '.join(specs) or 'none'} expect "
            f"{', '.join(sorted(expected)) or 'nothing'}: draw one figure for each"
        )
    (kind,) = expected
    low, high = span or SPANS[kind]
    if any(entry.name == "msle" for _, entry, _ in chosen):
        low = max(low, -0.9)
    x = torch.linspace(low, high, POINTS, dtype=torch.float64)
    curves = {
        spec: _with_gradient(_of_one_sample(entry, function), x) for spec, entry, function in chosen
    }
    return _pair(x, curves, AXES[kind], ("loss", "derivative of the loss"))


def activation_figure(*specs: str, span: tuple[float, float] = (-4.0, 4.0)) -> CaptionedFigure:
    """Return activations φ(z) and their derivatives φ′(z), side by side.

    Softmax is drawn for two classes, over the first logit with the other at 0.

    >>> activation_figure("relu").axes[0].get_xlabel()
    'input z'
    """
    x = torch.linspace(*span, POINTS, dtype=torch.float64)
    curves = {}
    for spec in specs:
        entry, function = ACTIVATIONS.resolve(spec)
        chosen = getattr(function, "keywords", {})
        if entry.name == "softmax":
            pairs = torch.stack([x, torch.zeros_like(x)], dim=1)
            curves[spec] = function(pairs)[:, 0], entry.derivative(pairs)[:, 0, 0]
        else:
            curves[spec] = function(x), entry.derivative(x, **chosen)
    return _pair(x, curves, "input z", ("output φ(z)", "derivative φ′(z)"))
