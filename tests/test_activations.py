"""Every activation against torch or a closed form, and its derivative against autograd."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course.activations import ACTIVATIONS, activation_layer
from course.models import build_model

Z = torch.tensor([-30.0, -3.0, -0.7, -0.2, 0.3, 0.45, 1.5, 30.0], dtype=torch.float64)
TORCH = {
    "linear": nn.Identity(),
    "unit_step": lambda z: torch.heaviside(z, torch.tensor(0.5, dtype=z.dtype)),
    "sign": torch.sign,
    "piecewise_linear": lambda z: nn.Hardtanh(-0.5, 0.5)(z) + 0.5,
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(0.01),
    "prelu": nn.PReLU(init=0.25).double(),
    "elu": nn.ELU(),
    "swish": nn.SiLU(),
    "softmax": nn.Softmax(dim=-1),
}


def test_torch_knows_every_one() -> None:
    assert list(TORCH) == list(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_is_torch_s(name: str) -> None:
    torch.testing.assert_close(ACTIVATIONS[name].function(Z), TORCH[name](Z))


@pytest.mark.parametrize("name", ["unit_step", "sign"])
def test_values_at_zero(name: str) -> None:
    expected = {"unit_step": 0.5, "sign": 0.0}[name]
    assert ACTIVATIONS[name].function(torch.zeros(1)).item() == expected


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative_is_the_jacobian_of_torch_s_form(name: str) -> None:
    if name in ("unit_step", "sign"):
        ours = torch.diag(ACTIVATIONS[name].derivative(Z))
        assert torch.equal(ours, torch.zeros(8, 8, dtype=Z.dtype))
        return
    expected = torch.autograd.functional.jacobian(TORCH[name], Z)
    ours = ACTIVATIONS[name].derivative(Z)
    torch.testing.assert_close(ours if name == "softmax" else torch.diag(ours), expected)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("leaky_relu:negative_slope=0.3", nn.LeakyReLU(0.3)),
        ("elu:alpha=2", nn.ELU(alpha=2.0)),
        ("swish:beta=2", lambda z: z * torch.sigmoid(2 * z)),
    ],
)
def test_parameters_reach_function_and_layer(spec: str, expected: nn.Module) -> None:
    torch.testing.assert_close(activation_layer(spec)(Z), expected(Z))


def test_prelu_learns_its_slope_from_its_starting_value() -> None:
    model = build_model("classifier", "prelu:alpha=0.4", "he_normal", seed=0)
    slopes = [layer.weight for layer in model.modules() if isinstance(layer, nn.PReLU)]
    assert [round(slope.item(), 6) for slope in slopes] == [0.4, 0.4]
    model(torch.randn(3, 784)).sum().backward()
    assert all(slope.grad.abs().item() > 0 for slope in slopes)
