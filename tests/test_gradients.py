"""Numerical gradients, and the 2-3-1 network's backward pass against them and against torch."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course import network231 as net
from course.gradients import (
    central_difference,
    forward_difference,
    gradient_check,
    numerical_gradient,
    relative_error,
)


def square(x):
    return x**2


def test_central_difference_gives_the_slides_number():
    assert central_difference(square, 1.5, 1e-4) == 2.9999999999996696


def test_central_difference_beats_the_forward_one():
    exact = torch.exp(torch.tensor(1.0, dtype=torch.float64)).item()

    def exp(x):
        return torch.exp(torch.tensor(x, dtype=torch.float64)).item()

    central = abs(central_difference(exp, 1.0, 1e-3) - exact)
    forward = abs(forward_difference(exp, 1.0, 1e-3) - exact)
    assert central < 1e-6 < 1e-3 < forward


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=1, max_size=5))
def test_numerical_gradient_of_a_cubic(values):
    theta = torch.tensor(values, dtype=torch.float64)
    before = theta.clone()
    gradient = numerical_gradient(lambda t: (t**3).sum(), theta)
    torch.testing.assert_close(gradient, 3 * theta**2, atol=1e-6, rtol=0)
    assert torch.equal(theta, before)


def test_numerical_gradient_keeps_the_shape_and_refuses_integers():
    theta = torch.ones(2, 3, dtype=torch.float64)
    assert numerical_gradient(lambda t: t.sum(), theta).shape == (2, 3)
    with pytest.raises(ValueError, match="floating-point"):
        numerical_gradient(lambda t: t.sum(), torch.ones(2, dtype=torch.int64))


def test_relative_error_at_its_ends():
    a = torch.tensor([1.0, -2.0])
    assert relative_error(a, a) == 0
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0
    assert relative_error(a, torch.zeros(2)) == 1
    assert relative_error(a, -a) == float("inf")
    with pytest.raises(ValueError, match="one shape"):
        relative_error(a, torch.zeros(3))


def gradient_of(theta):
    parts = net.backward(net.X, net.TARGET, *net.roll(theta))
    return net.unroll(parts.dW1, parts.dW2)


def cost_of(theta):
    return net.cost(net.X, net.TARGET, *net.roll(theta))


@pytest.mark.parametrize("seed", range(5))
def test_the_manual_gradient_passes_the_check_in_float64(seed):
    generator = torch.Generator().manual_seed(seed)
    theta = torch.randn(9, generator=generator, dtype=torch.float64)
    assert gradient_check(cost_of, gradient_of, theta) < 1e-7


def test_every_part_of_the_backward_pass_is_torchs():
    X, target = net.X, net.TARGET
    W1, W2 = net.W1.clone().requires_grad_(), net.W2.clone().requires_grad_()
    z2, _, z3, pred = net.forward(X, W1, W2)
    for z in (z2, z3):
        z.retain_grad()
    F.mse_loss(pred, target, reduction="sum").mul(0.5).backward()
    parts = net.backward(X, target, net.W1, net.W2)
    for ours, theirs in zip(parts, (z3.grad, W2.grad, z2.grad, W1.grad)):
        torch.testing.assert_close(ours, theirs)


def test_a_forgotten_factor_fails_the_check():
    theta = net.unroll(net.W1, net.W2)
    assert gradient_check(cost_of, lambda t: 2 * gradient_of(t), theta) > 0.1


LOSSES_OF_Z = {
    "mse_sigmoid": lambda z, y: 0.5 * F.mse_loss(torch.sigmoid(z), y, reduction="sum"),
    "bce_sigmoid": lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="sum"),
    "cce_softmax": lambda z, y: F.cross_entropy(z, y, reduction="sum"),
}


@pytest.mark.parametrize("kind", net.OUTPUT_DELTAS)
def test_output_deltas_are_torchs_gradients(kind):
    z = torch.tensor([[0.3, -1.2, 2.0]], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    LOSSES_OF_Z[kind](z, y).backward()
    a = torch.softmax(z, 1) if kind == "cce_softmax" else torch.sigmoid(z)
    torch.testing.assert_close(net.OUTPUT_DELTAS[kind](a.detach(), y), z.grad)
