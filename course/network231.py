"""The smallest network with a hidden layer, 2-3-1 with sigmoids, and its gradient by hand.

    z2 = X W1,  a2 = σ(z2),  z3 = a2 W2,  pred = σ(z3),  J = ½ Σ (target − pred)²

Rows of X are samples; W1 is (2, 3), W2 is (3, 1); there are no biases. It is the network of the
lecture slides, where layers count from 1 (the input), so the hidden layer is layer 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Forward(NamedTuple):
    """What the forward pass computes: z2, a2 of shape (N, 3), z3, pred of shape (N, 1)."""

    z2: Tensor
    a2: Tensor
    z3: Tensor
    pred: Tensor


class Backward(NamedTuple):
    """What the backward pass computes, in its order; each delta is ∂J/∂z of its layer."""

    delta3: Tensor
    dW2: Tensor
    delta2: Tensor
    dW1: Tensor


def _matrix(rows: list[list[float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


X = _matrix([[0.4, 1.0], [0.6, 0.2], [1.0, 0.5]])
TARGET = _matrix([[0.75], [0.60], [0.90]])
W1 = _matrix([[0.5, -1.0, 0.8], [1.2, 0.3, -0.6]])
W2 = _matrix([[0.7], [-1.1], [0.4]])
"""Three samples (sleep and study, as shares of ten hours, and the mark) and weights to start."""


def sigmoid_prime(z: Tensor) -> Tensor:
    """Return σ′(z) = σ(z)(1 − σ(z)), at most ¼.

    >>> sigmoid_prime(torch.tensor([0.0]))
    tensor([0.2500])
    """
    return torch.sigmoid(z) * (1 - torch.sigmoid(z))


def forward(X: Tensor, W1: Tensor, W2: Tensor) -> Forward:
    """Return every intermediate value of the forward pass.

    >>> forward(torch.zeros(1, 2), torch.ones(2, 3), torch.zeros(3, 1)).pred
    tensor([[0.5000]])
    """
    z2 = X @ W1
    a2 = torch.sigmoid(z2)
    z3 = a2 @ W2
    return Forward(z2, a2, z3, torch.sigmoid(z3))


def cost(X: Tensor, target: Tensor, W1: Tensor, W2: Tensor) -> Tensor:
    """Return J = ½ Σ (target − pred)² over the samples, 0-dim.

    >>> cost(torch.zeros(2, 2), torch.ones(2, 1), torch.ones(2, 3), torch.zeros(3, 1))
    tensor(0.2500)
    """
    return 0.5 * (target - forward(X, W1, W2).pred).square().sum()


def backward(X: Tensor, target: Tensor, W1: Tensor, W2: Tensor) -> Backward:
    """Return the gradient of `cost` with the deltas on the way.

    >>> [tuple(part.shape) for part in backward(X, TARGET, W1, W2)]
    [(3, 1), (3, 1), (3, 3), (2, 3)]

    Source: Rumelhart, Hinton and Williams, Nature 323, 533 (1986), doi:10.1038/323533a0.
    """
    z2, a2, z3, pred = forward(X, W1, W2)
    delta3 = (pred - target) * sigmoid_prime(z3)
    dW2 = a2.T @ delta3
    delta2 = (delta3 @ W2.T) * sigmoid_prime(z2)
    dW1 = X.T @ delta2
    return Backward(delta3, dW2, delta2, dW1)


def unroll(W1: Tensor, W2: Tensor) -> Tensor:
    """Return all nine weights as one vector θ, row by row.

    >>> unroll(torch.zeros(2, 3), torch.ones(3, 1))
    tensor([0., 0., 0., 0., 0., 0., 1., 1., 1.])
    """
    return torch.cat([W1.reshape(-1), W2.reshape(-1)])


def roll(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Return (W1, W2) from the vector θ of `unroll`.

    >>> torch.equal(roll(unroll(W1, W2))[0], W1)
    True
    """
    return theta[:6].reshape(2, 3), theta[6:].reshape(3, 1)


OUTPUT_DELTAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse_sigmoid": lambda prob, target: (prob - target) * prob * (1 - prob),
    "bce_sigmoid": lambda prob, target: prob - target,
    "cce_softmax": lambda prob, target: prob - target,
}
"""δ = ∂L/∂z at the output of one sample, from its activation and target, for L = ½(a − y)²
behind a sigmoid, binary cross-entropy behind a sigmoid, cross-entropy behind a softmax."""
