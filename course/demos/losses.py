"""Figures and live parts of lecture 03: the loss zoo as curves, and what an outlier does."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator
from torch import Tensor

from course.demos.tables import formula, markdown_table
from course.live import LiveCell, explorer
from course.losses import LOSSES
from course.outliers import best_constant, pull_shares
from course.plots import loss_figure
from course.plots.style import COLOURS, INK, CaptionedFigure, legend, new_figure, style, tidy
from course.registry import parameters

COMPARED = ("mse", "lp", "msle", "log_cosh", "pseudo_huber", "huber", "l1")
NEAR_ONE = (0.8, 0.9, 0.95, 1.0, 1.0, 1.05, 1.1)


def table(family: str) -> Markdown:
    """Return the losses of a family: formula, what they expect, where they come from."""
    rows = [
        (name, entry.title, formula(entry.formula), entry.domain, entry.reference)
        for name, entry in LOSSES.items()
        if entry.family == family
    ]
    return markdown_table(("name", "loss", "formula", "takes", "reference"), rows)


def spec(loss: str, delta: float, p: float) -> str:
    """Return the loss with those of the parameters it has.

    >>> spec("huber", delta=0.5, p=3), spec("mse", delta=0.5, p=3)
    ('huber:delta=0.5', 'mse')
    """
    given = {"delta": delta, "p": p}
    chosen = [
        f"{name}={given[name]:g}" for name in parameters(LOSSES[loss].function) if name in given
    ]
    return f"{loss}:{','.join(chosen)}" if chosen else loss


def survey_values(outlier: float = 1000.0) -> Tensor:
    """Return seven values near 1, one 10 and one outlier."""
    return torch.tensor([*NEAR_ONE, 10.0, outlier])


def outlier_figure(outlier: float = 1000.0, delta: float = 1.0, p: float = 4.0) -> CaptionedFigure:
    """Return the best constant under each loss, and how hard each value pulls at prediction 2."""
    values = survey_values(outlier)
    figure = new_figure(10.0, 4.0)
    left = figure.add_axes((0.18, 0.14, 0.34, 0.78))
    chosen = [spec(name, delta, p) for name in COMPARED]
    best = {name: best_constant(name, values) for name in chosen}
    left.plot(list(best.values()), list(best), "o", color=COLOURS[0], markersize=8)
    left.plot(values, [-1] * len(values), "|", color=COLOURS[1], markersize=14, markeredgewidth=2)
    left.set_yticks([-1, *range(len(chosen))], ["the values", *chosen])
    left.set_xscale("log")
    left.set_xlim(0.5, 1500)
    left.xaxis.set_minor_locator(NullLocator())
    left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    tidy(left, "best constant prediction", "")
    right = figure.add_axes((0.58, 0.14, 0.4, 0.78))
    pulls = _pull_bars(right, chosen, values)
    words = ", ".join(
        f"{name} {value:.4g} ({pull:.3f})" for (name, value), pull in zip(best.items(), pulls)
    )
    figure.alt = (
        f"Seven values near 1, one 10 and one {outlier:g}. The best constant prediction under "
        f"each loss, and in brackets the outlier's share of the pull at prediction 2: {words}."
    )
    return figure


def _pull_bars(axes: Axes, chosen: list[str], values: Tensor) -> list[float]:
    """Draw how much of the pull each group of values has; return the outlier's shares."""
    shares = [pull_shares(name, 2.0, values) for name in chosen]
    groups = {
        "near 1": [sum(part[:-2]) for part in shares],
        "the 10": [part[-2] for part in shares],
        "the outlier": [part[-1] for part in shares],
    }
    left = [0.0] * len(chosen)
    for index, (name, widths) in enumerate(groups.items()):
        axes.barh(
            range(len(chosen)), widths, left=left, label=name, color=COLOURS[index], height=0.6,
            hatch=("//", "..", "")[index], edgecolor="white",
        )  # fmt: skip
        left = [start + width for start, width in zip(left, widths)]
    tidy(axes, "share of the pull at prediction 2", "")
    axes.set(xlim=(0, 1), ylim=(-1.4, len(chosen) - 0.5), yticks=range(len(chosen)))
    axes.set_yticklabels([])
    axes.legend(fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    return groups["the outlier"]


def _curves(
    x: Tensor, losses: dict[str, Tensor], xlabel: str, slopes: dict[str, Tensor], ylim: float
) -> CaptionedFigure:
    """Return losses and their derivatives side by side."""
    figure = new_figure(10.0, 3.8)
    words = []
    for place, (name, curves) in enumerate((("loss", losses), ("derivative", slopes))):
        axes = figure.add_axes((0.07 + 0.5 * place, 0.14, 0.41, 0.83))
        for index, (label, curve) in enumerate(curves.items()):
            axes.plot(x, curve, label=label, **style(index))
        axes.axhline(0, color=INK, linewidth=0.6)
        tidy(axes, xlabel, name)
        if place == 0:
            axes.set_ylim(-0.3, ylim)
            legend(axes)
    for label, curve in losses.items():
        first, last = (slopes[label][i].item() + 0.0 for i in (0, -1))  # + 0.0 makes 0 of -0
        ends = f"{first:.3g} to {last:.3g}"
        words.append(f"{label}: loss {curve[0]:.3g} to {curve[-1]:.3g}, slope {ends}")
    figure.alt = f"From left to right over {xlabel}. {'; '.join(words)}."
    return figure


def _slope(function, x: Tensor) -> Tensor:
    points = x.clone().requires_grad_()
    return torch.autograd.grad(function(points).sum(), points)[0]


def _draw(functions, x: Tensor, xlabel: str, ylim: float) -> CaptionedFigure:
    losses = {name: function(x) for name, function in functions.items()}
    slopes = {name: _slope(function, x) for name, function in functions.items()}
    return _curves(x, losses, xlabel, slopes, ylim)


def binary_figure() -> CaptionedFigure:
    """Return the binary losses of one sample of class +1 over its score."""
    functions = {
        "0/1 loss": lambda s: (s <= 0).to(s) + 0 * s,
        "perceptron": lambda s: F.relu(-s),
        "hinge": lambda s: F.relu(1 - s),
        "squared hinge": lambda s: F.relu(1 - s).square(),
        "BCE with logits": lambda s: F.softplus(-s),
    }
    return _draw(functions, torch.linspace(-3, 3, 400), "score of a sample of class +1", 6.0)


def behind_sigmoid_figure() -> CaptionedFigure:
    """Return squared error and binary cross-entropy behind a sigmoid, target 1, over z."""
    functions = {
        "(σ(z) − 1)²": lambda z: (torch.sigmoid(z) - 1).square(),
        "−log σ(z)": lambda z: F.softplus(-z),
    }
    return _draw(functions, torch.linspace(-6, 6, 400), "logit z, target 1", 6.3)


def multi_class_figure(classes: int = 3) -> CaptionedFigure:
    """Return cross-entropy and multi-class margin over the true class's logit, the others at 0."""
    others = classes - 1
    functions = {
        "cross-entropy": lambda z: torch.log(z.exp() + others) - z,
        "multi-margin": lambda z: others * F.relu(1 - z) / classes,
    }
    label = f"logit of the true class, the other {others} at 0"
    return _draw(functions, torch.linspace(-4, 4, 400), label, 5.0)


def kl_figure(p: float = 0.3) -> CaptionedFigure:
    """Return cross-entropy, entropy and KL divergence of two coins, over the second coin's q."""
    q = torch.linspace(0.02, 0.98, 400)
    cross = -(p * q.log() + (1 - p) * (1 - q).log())
    entropy = F.binary_cross_entropy(torch.tensor([p]), torch.tensor([p])).item()
    figure = new_figure(6.4, 3.6)
    axes = figure.add_axes((0.12, 0.15, 0.85, 0.82))
    axes.plot(q, cross, label="cross-entropy of p and q", **style(0))
    axes.plot(q, cross - entropy, label="KL(p‖q)", **style(1))
    axes.axhline(entropy, label="entropy of p", **style(2))
    axes.axvline(p, color=INK, linewidth=0.8)
    tidy(axes, "q, the predicted probability", "nats")
    legend(axes)
    figure.alt = (
        f"For p = {p:g} the entropy is {entropy:.4f}; cross-entropy and KL divergence differ by it "
        f"everywhere and are smallest at q = p, where KL is 0."
    )
    return figure


def live_curves() -> LiveCell:
    """Return two losses of the learner's choice, as curve and gradient, with δ and p to move."""

    def draw(loss: str, beside: str, delta: float, p: float) -> CaptionedFigure:
        names = [name for name in dict.fromkeys((loss, beside)) if name != "nothing"]
        return loss_figure(*(spec(name, delta, p) for name in names))

    names = list(LOSSES)
    start = ["huber", *(name for name in names if name != "huber")]
    beside = ["mse", "nothing", *(name for name in names if name != "mse")]
    return explorer(draw, loss=start, beside=beside, delta=(0.1, 3.0, 1.0), p=(1.0, 8.0, 3.0))


def live_outlier() -> LiveCell:
    """Return the outlier figure with the outlier, δ and p to move."""
    return explorer(
        outlier_figure, outlier=(1.0, 1000.0, 1000.0), delta=(0.1, 10.0, 1.0), p=(1.0, 8.0, 4.0)
    )
