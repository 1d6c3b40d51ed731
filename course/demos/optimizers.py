"""The figures and live parts of lecture 06 on surfaces: one optimizer's path, and the race."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from course.demos.panels import legend_beside, panels, titled
from course.live import LiveCell, explorer
from course.optimizers import OPTIMIZERS
from course.plots import CaptionedFigure, style
from course.plots.style import INK, log_axis
from course.surfaces import LEARNING_RATES, SURFACES, Surface, best_lr, escaped, trajectory

WITH_MOMENTUM = ("momentum", "nesterov")
STEPS = [100, 30, 300, 1000]
LOWEST = 1e-12


def height(surface: Surface, points: Tensor) -> Tensor:
    """Return how far points (…, 2) lie above the surface's lowest value."""
    floor = surface.function(torch.tensor(surface.minima[0], dtype=torch.float64))
    return surface.function(points.double()) - floor


def draw_contours(axes: Axes, surface: Surface) -> None:
    """Draw a surface as contour lines, ever closer levels towards the bottom, stars at minima."""
    (left, right), (bottom, top) = surface.domain
    x, y = torch.linspace(left, right, 161), torch.linspace(bottom, top, 161)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    levels = torch.logspace(-2.5, torch.log10(height(surface, grid).max()).item(), 16)
    axes.contour(x, y, height(surface, grid), levels.tolist(), colors="#999999", linewidths=0.7)
    for minimum in surface.minima:
        axes.plot(*minimum, "*", color=INK, markersize=12, zorder=5)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def paths_figure(surface: str, paths: dict[str, Tensor], steps: int) -> CaptionedFigure:
    """Return paths over the contours of a surface, and their heights step by step."""
    entry = SURFACES[surface]
    figure, (left, right) = panels(2, height=4.2, width=11.0, beside=2.3)
    draw_contours(left, entry)
    words = []
    for index, (name, path) in enumerate(paths.items()):
        heights = height(entry, path)
        left.plot(path[:, 0], path[:, 1], zorder=4, **style(index))
        left.plot(*path[-1], "o", color=style(index)["color"], markersize=5, zorder=6)
        right.plot(heights.clamp(min=LOWEST), label=name, **style(index))
        last = f"{heights[-1]:.2g}" if heights[-1] >= LOWEST else f"below {LOWEST:g}"
        away = f"leaves the map after {len(path)} steps"
        words.append(f"{name}: {away if escaped(path, steps) else last}")
    left.plot(*entry.start, "s", color=INK, markersize=6, zorder=6)
    titled(left, "weight x", "weight y", f"{entry.title}: square start, star minimum")
    titled(right, "step", "height above the minimum", "Descent")
    log_axis(right)
    legend_beside(right)
    figure.alt = f"{entry.title}, height above the minimum after {steps} steps: {'; '.join(words)}."
    return figure


def path_figure(
    surface: str = "ravine",
    optimizer: str = "momentum",
    lr: float = 0.03,
    momentum: float = 0.9,
    steps: int = 100,
) -> CaptionedFigure:
    """Return one optimizer's path; `momentum` is the γ of momentum and Nesterov, unused by others.

    >>> path_figure("bowl", "gradient_descent", lr=1.0, steps=1).alt
    'Bowl, height above the minimum after 1 steps: Gradient descent, lr 1: below 1e-12.'
    """
    memory = optimizer in WITH_MOMENTUM
    spec = f"{optimizer}:gamma={momentum:g}" if memory else optimizer
    name = f"{OPTIMIZERS[optimizer].title}, lr {lr:g}" + (f", γ {momentum:g}" if memory else "")
    return paths_figure(surface, {name: trajectory(surface, spec, lr, steps)}, steps)


def rates_figure(
    surface: str, optimizer: str, rates: tuple[float, ...], steps: int = 50
) -> CaptionedFigure:
    """Return one optimizer's paths at several learning rates."""
    paths = {f"lr {lr:g}": trajectory(surface, optimizer, lr, steps) for lr in rates}
    return paths_figure(surface, paths, steps)


def race_figure(
    surface: str = "ravine", steps: int = 100, lr: float | None = None
) -> CaptionedFigure:
    """Return all optimizers' paths, at one learning rate or (None) each at its best of a grid."""
    paths = {}
    for name, entry in OPTIMIZERS.items():
        rate = lr or best_lr(surface, name, steps)
        paths[f"{entry.title}, lr {rate:g}"] = trajectory(surface, name, rate, steps)
    return paths_figure(surface, paths, steps)


def _titles(registry) -> dict[str, str]:
    return {entry.title: name for name, entry in registry.items()}


def path_explorer() -> LiveCell:
    """Return `path_figure` with surface, optimizer, learning rate, momentum and steps to choose."""
    surfaces = {"Ravine": "ravine"} | _titles(SURFACES)
    optimizers = {"Momentum": "momentum"} | _titles(OPTIMIZERS)
    rates = [0.03, *(rate for rate in LEARNING_RATES if rate != 0.03)]
    return explorer(
        path_figure,
        surface=surfaces,
        optimizer=optimizers,
        lr=rates,
        momentum=(0.0, 0.99, 0.9),
        steps=STEPS,
    )


def race_explorer() -> LiveCell:
    """Return `race_figure` with surface, steps and learning rates to choose."""
    rates = {"best of each": None} | {f"{rate:g} for all": rate for rate in LEARNING_RATES}
    surfaces = {"Ravine": "ravine"} | _titles(SURFACES)
    return explorer(race_figure, surface=surfaces, steps=[100, 30, 300], lr=rates)
