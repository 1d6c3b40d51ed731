"""What happens to activations and gradients on their way through a deep stack of layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course.activations import ACTIVATIONS
from course.initializers import INITIALIZERS


@dataclass(frozen=True)
class LayerStats:
    """Activations a = φ(z) and deltas ∂L/∂z of every layer, first layer first, each (N, width)."""

    initializer: str
    activation: str
    activations: list[Tensor]
    deltas: list[Tensor]

    @property
    def activation_stds(self) -> list[float]:
        return [a.std(correction=0).item() for a in self.activations]

    @property
    def delta_stds(self) -> list[float]:
        return [delta.std(correction=0).item() for delta in self.deltas]


def layer_stats(
    initializer: str,
    activation: str,
    depth: int = 10,
    width: int = 256,
    samples: int = 256,
    seed: int = 0,
    X: Tensor | None = None,
) -> LayerStats:
    """Send data through `depth` layers without biases, then a gradient of unit normals back.

    Forward a_l = φ(a_{l−1} W_l), backward δ_l = (δ_{l+1} W_{l+1}ᵀ) ⊙ φ′(z_l), in float64.
    `X` (N, D) None is `samples` rows of `width` unit normals. The draws come from `seed` alone.
    Raises `ValueError` for softmax, which mixes units and so has no φ′ per unit.

    >>> stats = layer_stats("xavier_normal", "tanh", depth=3, width=8, samples=5)
    >>> [tuple(a.shape) for a in stats.activations]
    [(5, 8), (5, 8), (5, 8)]
    """
    entry, phi = ACTIVATIONS.resolve(activation)
    if entry.name == "softmax":
        raise ValueError("softmax mixes the units of a layer; choose an elementwise activation")
    _, fill = INITIALIZERS.resolve(initializer)
    generator = torch.Generator().manual_seed(seed)
    if X is None:
        X = torch.randn(samples, width, generator=generator, dtype=torch.float64)
    weights, zs, activations = [], [], []
    a = X.double()
    for _ in range(depth):
        W = fill(torch.empty(width, a.shape[1], dtype=torch.float64), generator=generator).T
        z = a @ W
        a = phi(z)
        weights.append(W)
        zs.append(z)
        activations.append(a)
    upstream = torch.randn(a.shape, generator=generator, dtype=torch.float64)
    slopes = getattr(phi, "keywords", {})
    deltas = send_back(upstream, weights, [entry.derivative(z, **slopes) for z in zs])
    return LayerStats(initializer, activation, activations, deltas)


def send_back(gradient: Tensor, weights: list[Tensor], slopes: list[Tensor]) -> list[Tensor]:
    """Return δ_l = (δ_{l+1} W_{l+1}ᵀ) ⊙ φ′(z_l) of every layer, the first layer first.

    `gradient` (N, D_L) is that of the last layer's activations; `weights` (D_{l−1}, D_l) and
    `slopes` φ′(z_l) (N, D_l) are those of the layers, the first layer first.

    >>> W, slope = torch.tensor([[2.0]]), torch.tensor([[0.5]])
    >>> send_back(torch.ones(1, 1), [W, W], [slope, slope])
    [tensor([[0.5000]]), tensor([[0.5000]])]
    """
    deltas = []
    for W, slope in zip(reversed(weights), reversed(slopes)):
        deltas.append(gradient * slope)
        gradient = deltas[-1] @ W.T
    return deltas[::-1]
