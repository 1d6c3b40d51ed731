"""How a layer's weights start: the registry `INITIALIZERS` and `initialize` for a whole model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from course.registry import Registry


@dataclass(frozen=True)
class Initializer:
    """One initializer: fills an (out, in) weight in place; `formula` is its distribution."""

    name: str
    function: Callable[..., Tensor]
    title: str
    formula: str
    variance: str
    reference: str


def zeros(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill with zeros: every unit of a layer stays the twin of its neighbours.

    >>> zeros(torch.empty(1, 2))
    tensor([[0., 0.]])
    """
    return nn.init.zeros_(weight)


def uniform01(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from U[0, 1].

    >>> bool((uniform01(torch.empty(3, 2)) >= 0).all())
    True
    """
    return nn.init.uniform_(weight, 0.0, 1.0, generator=generator)


def uniform_pm1(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from U[−1, 1].

    >>> bool((uniform_pm1(torch.empty(3, 2)).abs() <= 1).all())
    True
    """
    return nn.init.uniform_(weight, -1.0, 1.0, generator=generator)


def normal(weight: Tensor, generator: Generator | None = None, std: float = 0.01) -> Tensor:
    """Fill from N(0, std²); `std` is the standard deviation.

    >>> normal(torch.empty(3, 2)).shape
    torch.Size([3, 2])
    """
    return nn.init.normal_(weight, 0.0, std, generator=generator)


def fan_in_uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from U(−1/√fan_in, 1/√fan_in): variance 1/(3·fan_in), what `nn.Linear` does by default.

    >>> bool((fan_in_uniform(torch.empty(3, 4)).abs() <= 0.5).all())
    True

    Source: LeCun et al., Efficient BackProp (1998), doi:10.1007/3-540-49430-8_2.
    """
    bound = 1 / math.sqrt(weight.shape[1])
    return nn.init.uniform_(weight, -bound, bound, generator=generator)


def xavier_normal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, σ²) with σ = √(2/(fan_in + fan_out)).

    >>> xavier_normal(torch.empty(3, 2)).shape
    torch.Size([3, 2])

    Source: Glorot and Bengio, AISTATS (2010).
    """
    return nn.init.xavier_normal_(weight, generator=generator)


def xavier_uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from U(−a, a) with a = √(6/(fan_in + fan_out)).

    >>> bool((xavier_uniform(torch.empty(3, 3)).abs() <= 1).all())
    True

    Source: Glorot and Bengio, AISTATS (2010).
    """
    return nn.init.xavier_uniform_(weight, generator=generator)


def he_normal(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, σ²) with σ = √(2/fan_in).

    >>> he_normal(torch.empty(3, 2)).shape
    torch.Size([3, 2])

    Source: He et al., ICCV (2015), doi:10.1109/ICCV.2015.123.
    """
    return nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def he_uniform(weight: Tensor, generator: Generator | None = None) -> Tensor:
    """Fill from U(−a, a) with a = √(6/fan_in).

    >>> bool((he_uniform(torch.empty(2, 6)).abs() <= 1).all())
    True

    Source: He et al., ICCV (2015), doi:10.1109/ICCV.2015.123.
    """
    return nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)


INITIALIZERS: Registry[Initializer] = Registry(
    "initializer",
    [
        Initializer("zeros", zeros, "Zeros", "0", "0", "a counter-example"),
        Initializer("uniform01", uniform01, "U[0, 1]", r"U[0,1]", "1/12", "a counter-example"),
        Initializer("uniform_pm1", uniform_pm1, "U[−1, 1]", r"U[-1,1]", "1/3", "a counter-example"),
        Initializer(
            "normal", normal, "Small normal", r"N(0,0.01^2)", "std²", "Krizhevsky et al. 2012"
        ),
        Initializer(
            "fan_in_uniform",
            fan_in_uniform,
            "U(±1/√fan_in)",
            r"U(\pm1/\sqrt{\mathrm{fan_{in}}})",
            "1/(3·fan_in)",
            "LeCun et al. 1998",
        ),
        Initializer(
            "xavier_normal",
            xavier_normal,
            "Xavier normal",
            r"N(0,\tfrac{2}{\mathrm{fan_{in}}+\mathrm{fan_{out}}})",
            "2/(fan_in + fan_out)",
            "Glorot and Bengio 2010",
        ),
        Initializer(
            "xavier_uniform",
            xavier_uniform,
            "Xavier uniform",
            r"U(\pm\sqrt{6/(\mathrm{fan_{in}}+\mathrm{fan_{out}})})",
            "2/(fan_in + fan_out)",
            "Glorot and Bengio 2010",
        ),
        Initializer(
            "he_normal",
            he_normal,
            "He normal",
            r"N(0,\tfrac{2}{\mathrm{fan_{in}}})",
            "2/fan_in",
            "He et al. 2015",
        ),
        Initializer(
            "he_uniform",
            he_uniform,
            "He uniform",
            r"U(\pm\sqrt{6/\mathrm{fan_{in}}})",
            "2/fan_in",
            "He et al. 2015",
        ),
    ],
)


@torch.no_grad()
def initialize(model: nn.Module, spec: str, generator: Generator) -> None:
    """Fill every linear layer of a model from an initializer spec; biases become 0.

    Only `fan_in_uniform` also draws the biases, from the same interval, as `nn.Linear` does.
    A learned slope (PReLU) gets its own starting value.

    >>> layer = nn.Linear(2, 1)
    >>> initialize(layer, "zeros", torch.Generator())
    >>> layer.weight.tolist()
    [[0.0, 0.0]]
    """
    entry, fill = INITIALIZERS.resolve(spec)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            fill(layer.weight, generator=generator)
            if entry.name == "fan_in_uniform":
                bound = 1 / math.sqrt(layer.in_features)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
            else:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.PReLU):
            layer.reset_parameters()
