"""The activations with their derivatives, and the registry `ACTIVATIONS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.registry import Registry


@dataclass(frozen=True)
class Activation:
    """One activation φ, its derivative φ′, both as callable and as formula.

    `values` is the range of φ. `module` builds a layer of its own where the activation has
    learned parameters (PReLU); the others need none.
    """

    name: str
    function: Callable[..., Tensor]
    derivative: Callable[..., Tensor]
    title: str
    formula: str
    derivative_formula: str
    values: str
    reference: str
    module: Callable[..., nn.Module] | None = None


class Elementwise(nn.Module):
    """An activation without learned parameters as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor], label: str) -> None:
        super().__init__()
        self.function, self.label = function, label

    def forward(self, z: Tensor) -> Tensor:
        return self.function(z)

    def extra_repr(self) -> str:
        return self.label


def unit_step(z: Tensor) -> Tensor:
    """Return 0 for z < 0, ½ at 0 and 1 for z > 0; its derivative is 0, so nothing is learned.

    >>> unit_step(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0.0000, 0.5000, 1.0000])

    Source: Heaviside's step; McCulloch and Pitts (1943), doi:10.1007/BF02478259.
    """
    return (torch.sign(z) + 1) / 2


def piecewise_linear(z: Tensor) -> Tensor:
    """Return z + ½ cut to [0, 1].

    >>> piecewise_linear(torch.tensor([-2.0, 0.0, 0.25]))
    tensor([0.0000, 0.5000, 0.7500])
    """
    return torch.clamp(z + 0.5, 0.0, 1.0)


def swish(z: Tensor, beta: float = 1.0) -> Tensor:
    """Return z·σ(βz); β = 1 is also called SiLU.

    >>> swish(torch.tensor([0.0, 100.0]))
    tensor([  0., 100.])

    Source: Ramachandran, Zoph and Le, arXiv:1710.05941 (2017).
    """
    return F.silu(z) if beta == 1 else z * torch.sigmoid(beta * z)


def leaky_relu(z: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return z for z ≥ 0 and negative_slope·z below; the slope is fixed.

    >>> leaky_relu(torch.tensor([-2.0, 3.0]))
    tensor([-0.0200,  3.0000])

    Source: Maas, Hannun and Ng, ICML (2013).
    """
    return F.leaky_relu(z, negative_slope)


def prelu(z: Tensor, alpha: float = 0.25) -> Tensor:
    """Return z for z ≥ 0 and αz below; in a network α is learned, starting from this value.

    >>> prelu(torch.tensor([-2.0, 3.0]))
    tensor([-0.5000,  3.0000])

    Source: He et al., ICCV (2015), doi:10.1109/ICCV.2015.123.
    """
    return torch.where(z >= 0, z, alpha * z)


def elu(z: Tensor, alpha: float = 1.0) -> Tensor:
    """Return z for z ≥ 0 and α(e^z − 1) below.

    >>> elu(torch.tensor([-100.0, 3.0]))
    tensor([-1.,  3.])

    Source: Clevert, Unterthiner and Hochreiter, arXiv:1511.07289 (2015).
    """
    return F.elu(z, alpha)


def softmax(z: Tensor) -> Tensor:
    """Return e^{z_i} / Σ_j e^{z_j} over the last dimension.

    >>> softmax(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])

    Source: Bridle, in Neurocomputing (1990), 227, doi:10.1007/978-3-642-76153-9_28.
    """
    return torch.softmax(z, dim=-1)


def linear(z: Tensor) -> Tensor:
    """Return z unchanged.

    >>> linear(torch.tensor([-2.0, 3.0]))
    tensor([-2.,  3.])
    """
    return z


def _sigmoid_grad(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 - s)


def _swish_grad(z: Tensor, beta: float = 1.0) -> Tensor:
    s = torch.sigmoid(beta * z)
    return s + beta * z * s * (1 - s)


def _softmax_jacobian(z: Tensor) -> Tensor:
    s = softmax(z)
    return torch.diag_embed(s) - s.unsqueeze(-1) * s.unsqueeze(-2)


def _slope_below(z: Tensor, slope: float) -> Tensor:
    return torch.where(z >= 0, 1.0, slope).to(z)


ACTIVATIONS: Registry[Activation] = Registry(
    "activation",
    [
        Activation(
            "linear",
            linear,
            torch.ones_like,
            "Linear",
            "z",
            "1",
            "(−∞, ∞)",
            "Widrow and Hoff 1960",
        ),
        Activation(
            "unit_step",
            unit_step,
            torch.zeros_like,
            "Unit step",
            r"0,\ \tfrac12,\ 1\ \text{for}\ z<0,\ z=0,\ z>0",
            "0",
            "{0, ½, 1}",
            "McCulloch and Pitts 1943",
        ),
        Activation(
            "sign",
            torch.sign,
            torch.zeros_like,
            "Sign",
            r"-1,\ 0,\ 1\ \text{for}\ z<0,\ z=0,\ z>0",
            "0",
            "{−1, 0, 1}",
            "Rosenblatt 1958",
        ),
        Activation(
            "piecewise_linear",
            piecewise_linear,
            lambda z: (z.abs() < 0.5).to(z),
            "Piecewise linear",
            r"\min(1,\max(0,z+\tfrac12))",
            r"1\ \text{for}\ |z|<\tfrac12,\ \text{else}\ 0",
            "[0, 1]",
            "Haykin 1994",
        ),
        Activation(
            "sigmoid",
            torch.sigmoid,
            _sigmoid_grad,
            "Sigmoid",
            r"\frac1{1+e^{-z}}",
            r"\sigma(z)(1-\sigma(z))",
            "(0, 1)",
            "Verhulst 1845",
        ),
        Activation(
            "tanh",
            torch.tanh,
            lambda z: 1 - torch.tanh(z).square(),
            "Tanh",
            r"\frac{e^z-e^{-z}}{e^z+e^{-z}}",
            r"1-\tanh^2 z",
            "(−1, 1)",
            "LeCun et al. 1998",
        ),
        Activation(
            "relu",
            torch.relu,
            lambda z: (z > 0).to(z),
            "ReLU",
            r"\max(0,z)",
            r"1\ \text{for}\ z>0,\ \text{else}\ 0",
            "[0, ∞)",
            "Nair and Hinton 2010",
        ),
        Activation(
            "leaky_relu",
            leaky_relu,
            lambda z, negative_slope=0.01: _slope_below(z, negative_slope),
            "Leaky ReLU",
            r"z\ \text{for}\ z\ge0,\ sz\ \text{below}",
            r"1\ \text{for}\ z\ge0,\ s\ \text{below}",
            "(−∞, ∞)",
            "Maas et al. 2013",
        ),
        Activation(
            "prelu",
            prelu,
            lambda z, alpha=0.25: _slope_below(z, alpha),
            "PReLU",
            r"z\ \text{for}\ z\ge0,\ \alpha z\ \text{below},\ \alpha\ \text{learned}",
            r"1\ \text{for}\ z\ge0,\ \alpha\ \text{below}",
            "(−∞, ∞)",
            "He et al. 2015",
            module=lambda alpha=0.25: nn.PReLU(init=alpha),
        ),
        Activation(
            "elu",
            elu,
            lambda z, alpha=1.0: torch.where(z >= 0, 1.0, alpha * z.exp()).to(z),
            "ELU",
            r"z\ \text{for}\ z\ge0,\ \alpha(e^z-1)\ \text{below}",
            r"1\ \text{for}\ z\ge0,\ \alpha e^z\ \text{below}",
            "(−α, ∞)",
            "Clevert et al. 2015",
        ),
        Activation(
            "swish",
            swish,
            _swish_grad,
            "Swish",
            r"z\,\sigma(\beta z)",
            r"\sigma(\beta z)+\beta z\,\sigma(\beta z)(1-\sigma(\beta z))",
            "[−0.28, ∞) for β = 1",
            "Ramachandran et al. 2017",
        ),
        Activation(
            "softmax",
            softmax,
            _softmax_jacobian,
            "Softmax",
            r"\frac{e^{z_i}}{\sum_j e^{z_j}}",
            r"\frac{\partial s_i}{\partial z_j}=s_i(\delta_{ij}-s_j)",
            "(0, 1), sum 1",
            "Bridle 1990",
        ),
    ],
)


def activation_layer(spec: str) -> nn.Module:
    """Return the layer for a spec such as `"tanh"` or `"leaky_relu:negative_slope=0.2"`.

    Raises `UnknownName` for a name that is not in `ACTIVATIONS`.

    >>> activation_layer("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    entry, function = ACTIVATIONS.resolve(spec)
    if entry.module is not None:
        return entry.module(**getattr(function, "keywords", {}))
    return Elementwise(function, spec)
