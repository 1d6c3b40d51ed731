"""The figures and live parts of lecture 05: layers, symmetry, and the scale of the data."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from course import network231 as net
from course.activations import ACTIVATIONS
from course.demos.panels import legend_beside, panels, titled
from course.descent import descend
from course.initializers import INITIALIZERS
from course.layer_stats import layer_stats
from course.live import LiveCell, explorer
from course.plots import CaptionedFigure, new_figure, style
from course.plots.style import COLOURS, INK, legend, log_axis
from course.scaling import standardize, zero_center

ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
BINS = 41


def _histogram(axes: Axes, values: Tensor, reach: float, colour: str, below: str) -> None:
    """Draw values between −reach and reach; what lies beyond is counted in the outermost bars.

    A bar more than five times as tall as the next is cut at the frame.
    """
    clipped = values.flatten().clamp(-reach, reach)
    counts = torch.histc(clipped, bins=BINS, min=-reach, max=reach)
    first, second = counts.topk(2).values
    edges = torch.linspace(-reach, reach, BINS + 1)
    heights = (counts / max(second, first / 5)).numpy()
    axes.stairs(heights, edges.numpy(), fill=True, color=colour)
    axes.set_ylim(0, 1.1)
    axes.set_yticks([])
    axes.set_xticks([-reach, reach], [f"{-reach:.2g}".replace("-", "−"), f"{reach:.2g}"])
    axes.tick_params(labelsize=7, colors=INK)
    for tick, side in zip(axes.get_xticklabels(), ("left", "right")):
        tick.set_horizontalalignment(side)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(below, fontsize=8, color=INK)


def layers_figure(initializer: str = "normal", activation: str = "tanh") -> CaptionedFigure:
    """Return histograms of activations and of deltas in each of ten layers of 256 units.

    Each row has one scale, that of the layer its signal enters by: the first for activations, the
    last for deltas.
    """
    stats = layer_stats(initializer, activation)
    figure = new_figure(10.0, 3.7)
    rows = (
        (0.60, "activations a, forward →", stats.activations, stats.activations[0], COLOURS[0]),
        (0.13, "deltas ∂L/∂z, ← backward", stats.deltas, stats.deltas[-1], COLOURS[1]),
    )
    for bottom, name, layers, entry, colour in rows:
        reach = torch.quantile(entry.abs().flatten()[:65536], 0.995).item() or 1.0
        figure.text(0.012, bottom + 0.325, name, fontsize=10, color=INK)
        for k, values in enumerate(layers):
            axes = figure.add_axes((0.012 + 0.099 * k, bottom, 0.085, 0.25))
            std = values.std(correction=0).item()
            _histogram(axes, values, reach, colour, f"std {std:.2g}")
            axes.set_title(f"layer {k + 1}", fontsize=8, color=INK, pad=2)
    a, d = stats.activation_stds, stats.delta_stds
    title = INITIALIZERS.resolve(initializer)[0].title
    figure.alt = (
        f"{title} weights, {activation}: the standard deviation of the "
        f"activations goes from {a[0]:.3g} in layer 1 to {a[-1]:.3g} in layer 10, that of the "
        f"deltas from {d[-1]:.3g} in layer 10 back to {d[0]:.3g} in layer 1."
    )
    return figure


def layers_explorer() -> LiveCell:
    """Return `layers_figure` with initializer and activation to choose."""
    titles = {"Xavier normal": "xavier_normal"}
    titles |= {entry.title: name for name, entry in INITIALIZERS.items()}
    names = {ACTIVATIONS[name].title: name for name in ("tanh", *ELEMENTWISE)}
    return explorer(layers_figure, initializer=titles, activation=names)


def stds_figure(activation: str = "tanh") -> CaptionedFigure:
    """Return the standard deviations through ten layers, one curve an initializer.

    A standard deviation of exactly 0 has no place on a logarithmic axis and is left out.
    """
    figure, (left, right) = panels(2, height=4.0, width=11.0, beside=1.8)
    words = []
    for index, (name, entry) in enumerate(INITIALIZERS.items()):
        stats = layer_stats(name, activation)
        for axes, stds in ((left, stats.activation_stds), (right, stats.delta_stds)):
            shown = [std or float("nan") for std in stds]
            axes.plot(range(1, 11), shown, label=entry.title, **style(index))
        words.append(f"{entry.title} {stats.activation_stds[-1]:.2g} and {stats.delta_stds[0]:.2g}")
    titled(left, "layer", "standard deviation", f"Activations, {activation}")
    titled(right, "layer", "standard deviation", f"Deltas, {activation}")
    for axes in (left, right):
        log_axis(axes)
    legend_beside(right)
    figure.alt = (
        f"Standard deviations, layer 10's activations and layer 1's deltas: {', '.join(words)}."
    )
    return figure


def train_hidden_units(W1: Tensor, W2: Tensor, updates: int = 300, lr: float = 2.0) -> Tensor:
    """Return W1 after each update of the 2-3-1 network on its three samples, (updates + 1, 2, 3).

    >>> train_hidden_units(torch.zeros(2, 3).double(), torch.zeros(3, 1).double(), 1).shape
    torch.Size([2, 2, 3])
    """
    states = [W1]
    for _ in range(updates):
        parts = net.backward(net.X, net.TARGET, W1, W2)
        W1, W2 = W1 - lr * parts.dW1, W2 - lr * parts.dW2
        states.append(W1)
    return torch.stack(states)


def symmetry_figure() -> CaptionedFigure:
    """Return the first weight of each hidden unit while training from equal and unequal starts."""
    figure, axes = panels(3, height=3.3)
    zeros, half = (torch.full((9,), value, dtype=torch.float64) for value in (0.0, 0.5))
    starts = {"all zero": zeros, "all one half": half, "unequal": net.unroll(net.W1, net.W2)}
    words = []
    for part, (name, theta) in zip(axes, starts.items()):
        states = train_hidden_units(*net.roll(theta))
        for unit in range(3):
            part.plot(states[:, 0, unit], label=f"unit {unit + 1}", **style(unit))
        titled(part, "update", "weight from x1", f"Start: {name}")
        last = states[-1]
        spread = (last.max(dim=1).values - last.min(dim=1).values).max().item()
        words.append(f"{spread:.3g} from {name}")
    legend(axes[-1])
    figure.alt = (
        f"Largest difference between hidden units after 300 updates: {', '.join(words)}. "
        f"Equal units draw one line."
    )
    return figure


def sleep_and_study(samples: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return made-up data: hours of sleep a night and of study a week, and a mark in percent.

    >>> sleep_and_study(5)[0].shape
    torch.Size([5, 2])
    """
    generator = torch.Generator().manual_seed(seed)
    sleep, study, noise = torch.randn(3, samples, generator=generator, dtype=torch.float64)
    X = torch.stack([7 + sleep, 20 + 5 * study], dim=1)
    return X, 60 + 5 * sleep + 10 * study + 2 * noise


PREPARED = {"original": lambda X: X, "zero-centred": zero_center, "normalised": standardize}


def clouds_figure() -> CaptionedFigure:
    """Return the same data as it came, zero-centred, and normalised."""
    X, _ = sleep_and_study()
    figure, axes = panels(3, height=3.5)
    words = []
    for part, (name, prepare) in zip(axes, PREPARED.items()):
        Z = prepare(X)
        part.plot(Z[:, 0], Z[:, 1], "o", markersize=3, color=COLOURS[0], alpha=0.6)
        part.axhline(0, color=INK, linewidth=0.8)
        part.axvline(0, color=INK, linewidth=0.8)
        reach = 1.1 * Z.abs().max().item()
        part.set_xlim(-reach, reach)
        part.set_ylim(-reach, reach)
        unit = "std" if name == "normalised" else None
        titled(part, f"sleep ({unit or 'h'})", f"study ({unit or 'h'})", name)
        (m1, m2), (s1, s2) = Z.mean(0).abs().tolist(), Z.std(0, correction=0).tolist()
        words.append(f"{name}: mean ({m1:.2f}, {m2:.2f}), std ({s1:.2f}, {s2:.2f})")
    figure.alt = f"{'; '.join(words)}."
    return figure


def best_descent(X: Tensor, target: Tensor, updates: int) -> tuple[float, Tensor]:
    """Return the learning rate just below the stable limit and the losses of a linear unit there.

    The squared error's largest curvature is 2λ, λ the largest eigenvalue of XᵀX/N, and gradient
    descent is stable below 2/(2λ); 0.9 of that is taken.
    """
    with_bias = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
    largest = torch.linalg.eigvalsh(with_bias.T @ with_bias / len(X))[-1].item()
    lr = 0.9 / largest
    return lr, descend(with_bias, target, len(X), lr, updates).losses


def smallest_error(X: Tensor, target: Tensor) -> float:
    """Return the mean squared error of the best linear unit."""
    with_bias = torch.cat([X, X.new_ones(len(X), 1)], dim=1)
    solution = torch.linalg.lstsq(with_bias, target[:, None]).solution
    return (with_bias @ solution - target[:, None]).square().mean().item()


def scaling_figure(updates: int = 100) -> CaptionedFigure:
    """Return the loss of a linear unit on the three versions of the data, each at its best rate."""
    X, target = sleep_and_study()
    figure, [axes] = panels(1, height=3.6, width=7.0)
    words = []
    smallest = smallest_error(X, target)
    for index, (name, prepare) in enumerate(PREPARED.items()):
        lr, losses = best_descent(prepare(X), target, updates)
        axes.plot(losses, label=f"{name}, learning rate {lr:.2g}", **style(index))
        near = (losses < 1.02 * smallest).nonzero().flatten().tolist()
        when = f"after {near[0]}" if near else f"not after {updates}"
        words.append(f"{name} {losses[-1]:.4g}, within 2 % of the smallest {when}")
    titled(axes, "update", "mean squared error", "One linear unit, gradient descent")
    log_axis(axes)
    legend(axes)
    figure.alt = f"Mean squared error after {updates} updates: {'; '.join(words)}."
    return figure
