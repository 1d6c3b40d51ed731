"""Gradient descent on a linear unit, batch by batch: whole set, mini-batches or single samples."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course.training import batches

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Descent:
    """The weights after each update (updates + 1, D), the start first, and what they cost.

    `losses` are mean squared errors over the whole data, (updates + 1,); `seconds` counts the
    updates alone.
    """

    path: Tensor
    losses: Tensor
    updates_per_epoch: int
    seconds: float


def step_decay(lr0: float, epoch: int, drop: float = 0.5, every: int = 10) -> float:
    """Return lr0 · drop^⌊epoch / every⌋, the learning rate of an epoch counted from 0.

    >>> [step_decay(0.8, epoch, every=2) for epoch in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """
    return lr0 * drop ** (epoch // every)


def line_data(samples: int = 1000, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return points about the line y = 2x − 1: X (N, 2), its columns x and 1, and targets (N,).

    x is standard normal, the noise normal with standard deviation 1.

    >>> line_data(5)[0].shape
    torch.Size([5, 2])
    """
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    return torch.stack([x, torch.ones_like(x)], dim=1), 2 * x - 1 + noise


def gradient(w: Tensor, X: Tensor, target: Tensor) -> Tensor:
    """Return the gradient of mean((X w − target)²): 2 Xᵀ(X w − target) / N, shape (D,).

    >>> gradient(torch.zeros(1), torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0]))
    tensor([-5.])
    """
    return 2 * X.T @ (X @ w - target) / len(X)


def descend(
    X: Tensor,
    target: Tensor,
    batch_size: int,
    lr: float | Schedule,
    epochs: int,
    start: tuple[float, ...] | None = None,
    seed: int = 0,
) -> Descent:
    """Return the descent of a linear unit's mean squared error, w ← w − lr·g, batch by batch.

    X (N, D), target (N,); `lr` is a number or a function of the epoch, counted from 0. The start
    is zeros unless given.

    >>> X, target = torch.tensor([[1.0], [-1.0]]), torch.tensor([3.0, -3.0])
    >>> descend(X, target, batch_size=2, lr=0.5, epochs=1).path
    tensor([[0.],
            [3.]])
    """
    schedule = lr if callable(lr) else lambda epoch: lr
    w = X.new_tensor(start) if start is not None else X.new_zeros(X.shape[1])
    generator = torch.Generator().manual_seed(seed)
    path, seconds = [w], 0.0
    for epoch in range(epochs):
        rate = schedule(epoch)
        begin = time.perf_counter()
        for part, wanted in batches(X, target, batch_size, generator):
            w = w - rate * gradient(w, part, wanted)
            path.append(w)
        seconds += time.perf_counter() - begin
    points = torch.stack(path)
    losses = torch.cat([_loss(some, X, target) for some in points.split(1000)])
    return Descent(points, losses, -(-len(X) // batch_size), seconds)


def _loss(points: Tensor, X: Tensor, target: Tensor) -> Tensor:
    return (points @ X.T - target).square().mean(dim=1)


def gradient_noise(
    w: Tensor, X: Tensor, target: Tensor, batch_size: int, draws: int = 400, seed: int = 0
) -> float:
    """Return how far a batch's gradient lies from the whole set's: root mean square distance.

    Batches are drawn without replacement, so the noise is 0 where the batch is the whole set.

    >>> X, target = line_data(100)
    >>> gradient_noise(torch.zeros(2).double(), X, target, batch_size=100) < 1e-12
    True
    """
    generator = torch.Generator().manual_seed(seed)
    whole = gradient(w, X, target)
    total = 0.0
    for _ in range(draws):
        chosen = torch.randperm(len(X), generator=generator)[:batch_size]
        difference = gradient(w, X[chosen], target[chosen]) - whole
        total += difference.square().sum().item()
    return (total / draws) ** 0.5
