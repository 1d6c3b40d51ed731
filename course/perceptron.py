"""The perceptron: its two costs, its gradient, its training step by step, and XOR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.activations import activation_layer
from course.initializers import initialize

XOR_X = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_Y = torch.tensor([-1.0, 1.0, 1.0, -1.0])


@dataclass(frozen=True)
class Step:
    """Where training stands after `update` updates.

    `wrong` says which samples are misclassified, `used` which of them made the last update.
    """

    update: int
    theta: Tensor
    wrong: Tensor
    used: Tensor
    loss: float

    @property
    def done(self) -> bool:
        """Whether no point is misclassified any more."""
        return not bool(self.wrong.any())


def with_bias(X: Tensor) -> Tensor:
    """Return X with a first column of ones, so that θ₀ is the bias; (N, D) to (N, D + 1).

    >>> with_bias(torch.tensor([[2.0, 3.0]]))
    tensor([[1., 2., 3.]])
    """
    return torch.cat([X.new_ones(len(X), 1), X], dim=1)


def misclassified(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """Return which samples have y·(X@θ) ≤ 0, as (N,) booleans; labels are −1 and +1.

    A score of exactly 0 counts as wrong: such a point lies on the line. Raises `ValueError` for
    other labels and for shapes that do not fit.

    >>> misclassified(torch.tensor([1.0]), torch.tensor([[2.0], [-3.0]]), torch.tensor([1.0, 1.0]))
    tensor([False,  True])
    """
    if X.ndim != 2 or y.shape != X.shape[:1] or theta.shape != X.shape[1:]:
        raise ValueError(
            f"expected X (N, D), y (N,) and theta (D,), got {tuple(X.shape)}, {tuple(y.shape)} "
            f"and {tuple(theta.shape)}; with_bias(X) adds the column that θ₀ needs"
        )
    if not bool((y.abs() == 1).all()):
        raise ValueError(
            f"labels must be −1 and +1, got {sorted(set(y.tolist()))}; "
            f"turn 0/1 labels into signs with 2 * y - 1"
        )
    return y * (X @ theta) <= 0


def zero_one_loss(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """Return the share of misclassified samples, a 0-dim tensor; piecewise constant in θ.

    >>> zero_one_loss(torch.tensor([1.0]), torch.tensor([[2.0], [-3.0]]), torch.tensor([1.0, 1.0]))
    tensor(0.5000)
    """
    return misclassified(theta, X, y).to(X.dtype).mean()


def perceptron_loss(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """Return the misclassification distance Σ −y·(X@θ) over the misclassified samples, 0-dim.

    >>> perceptron_loss(
    ...     torch.tensor([1.0]), torch.tensor([[2.0], [-3.0]]), torch.tensor([1.0, 1.0]))
    tensor(3.)

    Source: Duda, Hart and Stork, Pattern Classification (2001), section 5.5.
    """
    wrong = misclassified(theta, X, y)
    return (y * (X @ theta))[wrong].sum().abs()


def perceptron_grad(theta: Tensor, X: Tensor, y: Tensor) -> Tensor:
    """Return −Σ y·x over the misclassified samples, shape (D,): the gradient of the distance.

    >>> perceptron_grad(
    ...     torch.tensor([1.0]), torch.tensor([[2.0], [-3.0]]), torch.tensor([1.0, 1.0]))
    tensor([3.])

    Source: Duda, Hart and Stork, Pattern Classification (2001), section 5.5.
    """
    wrong = misclassified(theta, X, y)
    return -(y[wrong] @ X[wrong])


def train(
    X: Tensor, y: Tensor, lr: float = 1.0, max_updates: int = 100, together: bool = True
) -> Iterator[Step]:
    """Yield the start θ = 0 and then the state after each update, until nothing is wrong.

    `together` updates by all misclassified samples at once, θ ← θ + lr·Σ y·x (the gradient step
    on the perceptron loss); otherwise by the next misclassified one in turn, θ ← θ + lr·y·x
    (Rosenblatt's rule). X is (N, D) with the column of ones already in it. Points that a line can
    separate are separated after finitely many updates; others never are, and `max_updates` ends
    the training.

    >>> [(step.update, int(step.wrong.sum())) for step in train(
    ...     with_bias(torch.tensor([[2.0], [-1.0]])), torch.tensor([1.0, -1.0]))]
    [(0, 2), (1, 0)]

    Source: Rosenblatt, Psychol. Rev. 65, 386 (1958), doi:10.1037/h0042519; in batch form Duda,
    Hart and Stork, Pattern Classification (2001), algorithm 3.
    """
    theta, used, turn = X.new_zeros(X.shape[1]), torch.zeros(len(X), dtype=torch.bool), 0
    for update in range(max_updates + 1):
        wrong = misclassified(theta, X, y)
        step = Step(update, theta, wrong, used, perceptron_loss(theta, X, y).item())
        yield step
        if step.done:
            return
        used = wrong
        if not together:
            chosen = next(i % len(X) for i in range(turn, turn + len(X)) if wrong[i % len(X)])
            used = torch.arange(len(X)) == chosen
            turn = chosen + 1
        theta = theta - lr * perceptron_grad(theta, X[used], y[used])


def two_clouds(points: int = 12, seed: int = 6) -> tuple[Tensor, Tensor]:
    """Return (points, 2) positions in two clouds around (2, 2.5) and (1, 1), and labels ±1.

    >>> X, y = two_clouds(4)
    >>> X.shape, y.tolist()
    (torch.Size([4, 2]), [1.0, -1.0, 1.0, -1.0])
    """
    generator = torch.Generator().manual_seed(seed)
    y = torch.tensor([1.0, -1.0]).repeat(points)[:points]
    centres = torch.where(y[:, None] > 0, torch.tensor([2.0, 2.5]), torch.tensor([1.0, 1.0]))
    noise = torch.randn(points, 2, generator=generator) * 0.4
    return (centres + noise).mul(100).round().div(100), y


def fit_hidden_layer(
    X: Tensor, y: Tensor, hidden: int = 2, lr: float = 2.0, epochs: int = 150, seed: int = 0
) -> tuple[nn.Sequential, list[float]]:
    """Train a D–hidden (tanh)–1 network by gradient descent; return it and the loss per epoch.

    The loss is the mean of log(1 + e^{−y·s}) for the score s and labels −1 and +1: the smooth
    relative of the misclassification distance.

    >>> model, losses = fit_hidden_layer(XOR_X, XOR_Y, hidden=4)
    >>> torch.equal(model(XOR_X).squeeze(1).sign(), XOR_Y)
    True
    """
    model = nn.Sequential(
        nn.Linear(X.shape[1], hidden), activation_layer("tanh"), nn.Linear(hidden, 1)
    )
    initialize(model, "uniform_pm1", torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = F.softplus(-y * model(X).squeeze(1)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses
