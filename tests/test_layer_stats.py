"""Activations and deltas through a stack of layers: autograd, and what theory says of the stds."""

import pytest
import torch

from course.activations import ACTIVATIONS
from course.initializers import INITIALIZERS
from course.layer_stats import layer_stats

ELEMENTWISE = [name for name in ACTIVATIONS if name != "softmax"]
WITH_GRADIENT = [name for name in ELEMENTWISE if name not in ("unit_step", "sign")]


@pytest.mark.parametrize("activation", WITH_GRADIENT)
def test_one_layers_delta_is_autograds(activation):
    stats = layer_stats("he_normal", activation, depth=2, width=6, samples=4)
    # the weights and the upstream gradient again, in the order they are drawn
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    fill = INITIALIZERS["he_normal"].function
    W1, W2 = (fill(torch.empty(6, 6, dtype=torch.float64), generator=generator).T for _ in "12")
    upstream = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    phi = ACTIVATIONS[activation].function
    z1 = (X @ W1).requires_grad_()
    z2 = phi(z1) @ W2
    z2.retain_grad()
    (phi(z2) * upstream).sum().backward()
    torch.testing.assert_close(stats.activations[1], phi(z2).detach())
    torch.testing.assert_close(stats.deltas[0], z1.grad)
    torch.testing.assert_close(stats.deltas[1], z2.grad)


@pytest.mark.parametrize("activation", ELEMENTWISE)
@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_every_pair_gives_finite_layers(initializer, activation):
    stats = layer_stats(initializer, activation, depth=3, width=8, samples=4)
    assert len(stats.activations) == len(stats.deltas) == 3
    assert all(part.isfinite().all() for part in stats.activations + stats.deltas)


@pytest.mark.parametrize("seed", range(3))
def test_he_keeps_the_mean_square_of_relu_and_small_weights_lose_it(seed):
    he = layer_stats("he_normal", "relu", seed=seed)
    squares = [a.square().mean().item() for a in he.activations]
    assert all(0.4 < square < 2.5 for square in squares)
    small = layer_stats("normal", "relu", seed=seed)
    assert small.activation_stds[-1] < 1e-8


def test_xavier_keeps_the_std_of_a_linear_stack_both_ways():
    stats = layer_stats("xavier_uniform", "linear")
    for std in stats.activation_stds + stats.delta_stds:
        assert 0.7 < std < 1.4


def test_fan_in_uniform_shrinks_a_linear_stack_by_root_three_a_layer():
    stds = layer_stats("fan_in_uniform", "linear").activation_stds
    assert stds[-1] == pytest.approx(3 ** (-10 / 2), rel=0.3)


def test_zeros_stop_everything_and_u01_saturates():
    zeros = layer_stats("zeros", "tanh")
    assert zeros.activation_stds == [0.0] * 10
    assert zeros.delta_stds[:-1] == [0.0] * 9  # the last layer has no weights behind it
    wide = layer_stats("uniform_pm1", "tanh")
    assert (wide.activations[-1].abs() > 0.9).double().mean() > 0.8


def test_softmax_is_refused_by_name():
    with pytest.raises(ValueError, match="elementwise"):
        layer_stats("zeros", "softmax")
