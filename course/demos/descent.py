"""The figures and live parts of lecture 06 on training: batches, schedules, when to stop."""

from __future__ import annotations

import functools
import time

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from torch import Tensor, optim

from course import data
from course.demos.panels import panels, titled
from course.descent import Descent, descend, gradient, gradient_noise, line_data, step_decay
from course.early_stopping import Curves, stopping_epoch, train_with_validation
from course.live import LiveCell, explorer
from course.models import build_model
from course.plots import CaptionedFigure, style
from course.plots.style import INK, legend, log_axis
from course.training import train_step

SAMPLES = 400
START = (-1.0, 2.0)
LOWEST, HIGHEST = 1e-7, 1e6
BATCHES = {"batch (all 400)": 400, "mini-batch (20)": 20, "stochastic (1)": 1}
SCHEDULES = ("constant", "halved every epoch")


def best_weights() -> Tensor:
    """Return the (slope, bias) with the smallest mean squared error on `line_data`."""
    X, target = line_data(SAMPLES)
    return torch.linalg.lstsq(X, target[:, None]).solution[:, 0]


def excess(run: Descent) -> Tensor:
    """Return how far each update's loss lies above the smallest possible one, (updates + 1,)."""
    X, target = line_data(SAMPLES)
    return run.losses - (X @ best_weights() - target).square().mean()


def _run(batch_size: int, lr: float, schedule: str, epochs: int) -> Descent:
    X, target = line_data(SAMPLES)
    rate = functools.partial(step_decay, lr, every=1) if schedule != "constant" else lr
    run = descend(X, target, batch_size, rate, epochs, start=START)
    if not (run.losses < HIGHEST).all():
        raise ValueError(
            f"with batch size {batch_size} and learning rate {lr:g} the descent diverges: the loss "
            f"passes {HIGHEST:g}. Choose a smaller learning rate."
        )
    return run


def _contours(axes: Axes) -> None:
    """Draw the mean squared error over (slope, bias) as contour lines, a star at its minimum."""
    X, target = line_data(SAMPLES)
    slope, bias = torch.linspace(-1.5, 3.5, 81), torch.linspace(-2.5, 2.5, 81)
    grid = torch.stack(torch.meshgrid(slope, bias, indexing="xy"), dim=-1).double()
    losses = (grid.reshape(-1, 2) @ X.T - target).square().mean(dim=1).reshape(81, 81)
    axes.contour(slope, bias, losses, 14, colors="#999999", linewidths=0.7)
    axes.plot(*best_weights(), "*", color=INK, markersize=12, zorder=5)
    axes.plot(*START, "s", color=INK, markersize=6, zorder=6)


def _tenths(run: Descent) -> tuple[Tensor, Tensor]:
    """Return epochs passed and `excess`, as means over tenths of an epoch where possible."""
    above = excess(run)
    width = max(1, run.updates_per_epoch // 10)
    means = above[1:].reshape(-1, width).mean(dim=1)
    passed = torch.arange(len(means) + 1) * width / run.updates_per_epoch
    return passed, torch.cat([above[:1], means])


def _descents(runs: dict[str, Descent], epochs: int) -> CaptionedFigure:
    figure, (left, right) = panels(2, height=4.2)
    _contours(left)
    words = []
    for index, (name, run) in enumerate(runs.items()):
        left.plot(run.path[:, 0], run.path[:, 1], zorder=4, **(style(index) | {"linewidth": 1.2}))
        passed, above = _tenths(run)
        right.plot(passed, above.clamp(min=LOWEST), label=name, **style(index))
        last = excess(run)[-run.updates_per_epoch :].mean()
        words.append(f"{name}: {len(run.path) - 1:,} updates, {last:.2g}")
    titled(left, "slope", "bias", "Path of the weights")
    titled(right, "epoch", "loss above the smallest", "Descent")
    log_axis(right)
    legend(right)
    figure.alt = (
        f"Updates in {epochs} epochs, and the loss above the smallest possible, mean over the last "
        f"epoch. {'; '.join(words)}."
    )
    return figure


def three_descents_figure(lr: float = 0.02, epochs: int = 10) -> CaptionedFigure:
    """Return batch, mini-batch and stochastic descent on one problem, at one learning rate."""
    return _descents({n: _run(size, lr, "constant", epochs) for n, size in BATCHES.items()}, epochs)


def descent_figure(
    batch_size: int = 1, lr: float = 0.02, schedule: str = "constant", epochs: int = 10
) -> CaptionedFigure:
    """Return one descent of the linear unit."""
    name = f"batch size {batch_size}, lr {lr:g}, {schedule}"
    return _descents({name: _run(batch_size, lr, schedule, epochs)}, epochs)


def descent_explorer() -> LiveCell:
    """Return `descent_figure` with batch size, learning rate, schedule and epochs to choose."""
    return explorer(
        descent_figure,
        batch_size=[1, 4, 20, 100, 400],
        lr=[0.02, 0.001, 0.005, 0.1, 0.5, 1.1],
        schedule=list(SCHEDULES),
        epochs=[10, 20],
    )


def noise_figure() -> CaptionedFigure:
    """Return the noise of a batch's gradient against its size, and the line 1/√size."""
    X, target = line_data(SAMPLES)
    w = torch.tensor(START, dtype=torch.float64)
    sizes = [1, 2, 5, 10, 20, 50, 100, 200]
    noise = [gradient_noise(w, X, target, size) for size in sizes]
    figure, [axes] = panels(1, height=3.6, width=7.0)
    axes.plot(sizes, noise, "o", label="measured", color=style(0)["color"])
    line = [noise[0] / size**0.5 for size in sizes]
    axes.plot(sizes, line, label="first one / √(batch size)", **style(1))
    titled(axes, "batch size", "distance from the whole set's gradient", "Noise of a gradient")
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    log_axis(axes)
    legend(axes)
    whole = torch.linalg.vector_norm(gradient(w, X, target))
    figure.alt = (
        f"The whole set's gradient has length {whole:.2f}. A batch's gradient lies "
        f"{noise[0]:.2f} from it on average for 1 sample, {noise[sizes.index(100)]:.2f} for 100."
    )
    return figure


def schedule_figure(lr: float = 0.05, epochs: int = 12) -> CaptionedFigure:
    """Return stochastic descent at a large rate, at a small one, and from large to small."""
    small = lr / 200
    runs = {
        f"constant {lr:g}": _run(1, lr, "constant", epochs),
        f"constant {small:g}": _run(1, small, "constant", epochs),
        f"{lr:g}, {SCHEDULES[1]}": _run(1, lr, SCHEDULES[1], epochs),
    }
    figure, [axes] = panels(1, height=3.8, width=7.0)
    words = []
    for index, (name, run) in enumerate(runs.items()):
        means = excess(run)[1:].reshape(epochs, -1).mean(dim=1)
        axes.plot(range(1, epochs + 1), means, label=name, **style(index))
        words.append(f"{name}: {means[0]:.2g} in epoch 1, {means[-1]:.2g} in epoch {epochs}")
    titled(axes, "epoch", "loss above the smallest, epoch mean", "One sample an update")
    log_axis(axes)
    legend(axes)
    figure.alt = f"Loss above the smallest possible, mean of an epoch. {'; '.join(words)}."
    return figure


def update_milliseconds(batch_size: int, rounds: int = 5) -> float:
    """Return the shortest time of one update of MNIST's classifier on a batch of that size."""
    images = data.load()
    X, labels = images.X_train[:batch_size], images.y_train[:batch_size]
    model = build_model("classifier", "relu", "he_normal", seed=0)
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        train_step(model, optimizer, F.cross_entropy, X, labels)
        times.append(time.perf_counter() - begin)
    return 1000 * min(times)


@functools.cache
def overfitting_curves(epochs: int = 40) -> Curves:
    """Return the losses of the classifier on 500 training and 1000 validation images of MNIST.

    The validation images are the last 1000 of the training set; the test set stays untouched.
    """
    images = data.load()
    train = images.X_train[:500], images.y_train[:500]
    validation = images.X_train[-1000:], images.y_train[-1000:]
    model = build_model("classifier", "relu", "he_normal", seed=0)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    return train_with_validation(model, F.cross_entropy, train, validation, optimizer, epochs)


def stopping_figure(patience: int = 5) -> CaptionedFigure:
    """Return training and validation loss, the best epoch, and where patience runs out."""
    curves = overfitting_curves()
    stop, best = stopping_epoch(curves.validation, patience), curves.best_epoch
    epochs = range(1, len(curves.train) + 1)
    figure, [axes] = panels(1, height=3.8, width=7.0)
    axes.plot(epochs, curves.train, label="training", **style(0))
    axes.plot(epochs, curves.validation, label="validation", **style(1))
    axes.axvline(stop + 1, color=INK, linewidth=1.2, linestyle=":", label=f"stop, epoch {stop + 1}")
    axes.plot(best + 1, curves.validation[best], "o", color=INK, label=f"best, epoch {best + 1}")
    titled(axes, "epoch", "cross-entropy (nats)", f"When to stop, patience {patience}")
    log_axis(axes)
    legend(axes)
    figure.alt = (
        f"The training loss falls to {curves.train[-1]:.2g}. The validation loss is lowest in "
        f"epoch {best + 1} with {curves.validation[best]:.3f} and ends at "
        f"{curves.validation[-1]:.3f}. With a patience of {patience}, training stops after epoch "
        f"{stop + 1}."
    )
    return figure


def stopping_explorer() -> LiveCell:
    """Return `stopping_figure` with the patience to choose."""
    return explorer(stopping_figure, patience=[5, 1, 2, 3, 10])
