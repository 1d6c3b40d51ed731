"""What depth does to gradients, activation by activation, and which units are dead."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from course.activations import ACTIVATIONS, Elementwise
from course.initializers import INITIALIZERS
from course.layer_stats import send_back


def gradient_sizes(
    activation: str,
    depth: int = 20,
    width: int = 64,
    initializer: str = "xavier_normal",
    samples: int = 256,
    seed: int = 0,
) -> list[float]:
    """Return the root mean square of δ = ∂L/∂z for each layer, the first layer first.

    A network of `depth` layers of `width` units is fed standard normal inputs, and a standard
    normal gradient is sent back from its output: δ_l = (δ_{l+1} @ W_{l+1}ᵀ) ⊙ φ′(z_l). Every
    activation meets the same weights, inputs and gradient. Raises `ValueError` for softmax,
    whose outputs depend on each other.

    >>> first, *_, last = gradient_sizes("linear", depth=3)
    >>> 0.5 < first / last < 2
    True

    Source: Glorot and Bengio, AISTATS (2010), section 4.2.
    """
    entry, function = ACTIVATIONS.resolve(activation)
    if entry.name == "softmax":
        raise ValueError("softmax belongs at the output; choose another activation for depth")
    chosen = getattr(function, "keywords", {})
    _, fill = INITIALIZERS.resolve(initializer)
    generator = torch.Generator().manual_seed(seed)
    # nn.init fills (fan_out, fan_in); transposed, the code computes X @ W
    weights = [fill(torch.empty(width, width), generator=generator).T for _ in range(depth)]
    a = torch.randn(samples, width, generator=generator)
    gradient = torch.randn(samples, width, generator=generator)
    zs = []
    for W in weights:
        zs.append(a @ W)
        a = function(zs[-1])
    deltas = send_back(gradient, weights, [entry.derivative(z, **chosen) for z in zs])
    return [delta.square().mean().sqrt().item() for delta in deltas]


def dead_units(A: Tensor) -> Tensor:
    """Return which units are 0 on every sample, as (H,) booleans for (N, H) activations.

    >>> dead_units(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([ True, False])
    """
    return (A == 0).all(dim=0)


@torch.no_grad()
def dead_per_layer(layers: nn.Sequential, X: Tensor) -> list[int]:
    """Return the number of dead units after each activation of a network, on the samples X.

    >>> net = nn.Sequential(nn.Linear(2, 3), Elementwise(torch.relu, "relu"))
    >>> _ = nn.init.constant_(net[0].weight, 0.0), nn.init.constant_(net[0].bias, -1.0)
    >>> dead_per_layer(net, torch.ones(4, 2))
    [3]
    """
    counts = []
    for layer in layers:
        X = layer(X)
        if isinstance(layer, (Elementwise, nn.PReLU)):
            counts.append(int(dead_units(X).sum()))
    return counts
