"""Every initializer by its moments and bounds; six standard errors, false failures below 1e-8."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from course.initializers import INITIALIZERS, initialize
from course.models import build_model

FAN_OUT, FAN_IN = 300, 500
BOUND = {
    "uniform01": 1.0,
    "uniform_pm1": 1.0,
    "fan_in_uniform": 1 / math.sqrt(FAN_IN),
    "xavier_uniform": math.sqrt(6 / (FAN_IN + FAN_OUT)),
    "he_uniform": math.sqrt(6 / FAN_IN),
}
STD = {
    "zeros": 0.0,
    "uniform01": math.sqrt(1 / 12),
    "uniform_pm1": math.sqrt(1 / 3),
    "normal": 0.01,
    "fan_in_uniform": math.sqrt(1 / (3 * FAN_IN)),
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "xavier_uniform": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "he_normal": math.sqrt(2 / FAN_IN),
    "he_uniform": math.sqrt(2 / FAN_IN),
}


def draw(name: str, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return INITIALIZERS[name].function(torch.empty(FAN_OUT, FAN_IN), generator=generator)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_and_standard_deviation(name: str) -> None:
    weight, count = draw(name).double(), FAN_OUT * FAN_IN
    mean, std = (0.5 if name == "uniform01" else 0.0), STD[name]
    assert abs(weight.mean().item() - mean) <= 6 * std / math.sqrt(count)
    # the standard error of a sample std is at most std·√(1/(2n)) for kurtosis up to 3
    assert abs(weight.std().item() - std) <= 6 * std / math.sqrt(2 * count)


@pytest.mark.parametrize("name", BOUND)
def test_bounds_are_kept_and_nearly_reached(name: str) -> None:
    weight = draw(name)
    assert weight.abs().max() <= BOUND[name] * (1 + 1e-6)
    assert weight.abs().max() >= BOUND[name] * 0.999


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n != "zeros"])
def test_the_generator_alone_decides(name: str) -> None:
    torch.manual_seed(1)
    first = draw(name, seed=5)
    torch.manual_seed(2)
    assert torch.equal(first, draw(name, seed=5))
    assert not torch.equal(first, draw(name, seed=6))


def test_fan_in_uniform_is_what_linear_layers_do_by_default() -> None:
    layers = [nn.Linear(50, 200) for _ in range(40)]
    theirs = torch.cat([layer.weight.flatten() for layer in layers]).detach()
    assert theirs.abs().max() <= 1 / math.sqrt(50)
    assert theirs.var().item() == pytest.approx(1 / (3 * 50), rel=0.01)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_biases_start_at_zero_but_for_torch_s_default(name: str) -> None:
    layer = nn.Linear(9, 50)
    initialize(layer, name, torch.Generator().manual_seed(0))
    if name == "fan_in_uniform":
        assert 0 < layer.bias.abs().max() <= 1 / 3
    else:
        assert not layer.bias.any()


def test_building_a_model_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    build_model("autoencoder", "tanh", "xavier_normal", seed=9)
    assert torch.equal(torch.rand(4), expected)
