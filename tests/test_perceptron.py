"""The perceptron against autograd, finite differences and the convergence theorem."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.perceptron import (
    XOR_X,
    XOR_Y,
    fit_hidden_layer,
    misclassified,
    perceptron_grad,
    perceptron_loss,
    train,
    two_clouds,
    with_bias,
    zero_one_loss,
)

seeds = st.integers(0, 2**20)


def random_problem(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    X = torch.randn(15, 3, generator=g, dtype=torch.float64)
    y = torch.randint(0, 2, (15,), generator=g).double() * 2 - 1
    return torch.randn(3, generator=g, dtype=torch.float64), X, y


@given(seeds)
@settings(deadline=None, max_examples=50)
def test_loss_and_gradient_are_those_of_relu_of_the_negative_margin(seed: int) -> None:
    theta, X, y = random_problem(seed)
    theta.requires_grad_()
    independent = torch.relu(-y * (X @ theta)).sum()
    (gradient,) = torch.autograd.grad(independent, theta)
    torch.testing.assert_close(perceptron_loss(theta, X, y), independent)
    torch.testing.assert_close(perceptron_grad(theta.detach(), X, y), gradient)


@given(seeds)
@settings(deadline=None, max_examples=50)
def test_zero_one_loss_is_the_share_of_wrong_signs_and_has_no_slope(seed: int) -> None:
    theta, X, y = random_problem(seed)
    wrong = sum(float(score) * float(label) <= 0 for score, label in zip(X @ theta, y))
    assert zero_one_loss(theta, X, y).item() == pytest.approx(wrong / len(y))
    assert zero_one_loss(theta + 1e-12, X, y) == zero_one_loss(theta, X, y)


@pytest.mark.parametrize("together", [True, False])
@given(seed=seeds)
@settings(deadline=None, max_examples=25)
def test_separable_points_are_separated_within_novikoffs_bound(together: bool, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    X = torch.rand(20, 2, generator=g) * 2 - 1
    truth = torch.tensor([0.1, 0.8, -0.6])
    score = with_bias(X) @ truth
    X, y = X[score.abs() > 0.1], score.sign()[score.abs() > 0.1]
    *_, last = train(with_bias(X), y, together=together, max_updates=5000)
    assert last.done and last.loss == 0
    assert torch.equal((with_bias(X) @ last.theta).sign(), y)
    if not together:
        longest = with_bias(X).square().sum(1).max()
        margin = (y * score[score.abs() > 0.1]).min() / truth.norm()
        assert last.update <= longest / margin**2


def test_each_step_is_gradient_descent_on_the_perceptron_loss() -> None:
    X, y = two_clouds()
    steps = list(train(with_bias(X), y, lr=0.3))
    for before, after in itertools.pairwise(steps):
        expected = before.theta - 0.3 * perceptron_grad(before.theta, with_bias(X), y)
        torch.testing.assert_close(after.theta, expected)
        assert torch.equal(after.used, before.wrong)


def test_one_at_a_time_uses_misclassified_points_in_turn() -> None:
    X, y = two_clouds()
    steps = list(train(with_bias(X), y, together=False))
    for before, after in itertools.pairwise(steps):
        (index,) = after.used.nonzero().flatten().tolist()
        assert before.wrong[index]
        torch.testing.assert_close(after.theta - before.theta, y[index] * with_bias(X)[index])


def test_xor_never_ends() -> None:
    stuck = list(train(with_bias(XOR_X), XOR_Y, max_updates=20))
    assert all(torch.equal(step.theta, torch.zeros(3)) for step in stuck)
    cycle = list(train(with_bias(XOR_X), XOR_Y, max_updates=20, together=False))
    assert not cycle[-1].done and len(cycle) == 21
    assert [i for i, step in enumerate(cycle) if not step.theta.any()] == [0, 4, 8, 12, 16, 20]


def test_a_hidden_layer_solves_xor() -> None:
    model, losses = fit_hidden_layer(XOR_X, XOR_Y, hidden=4)
    assert torch.equal(model(XOR_X).squeeze(1).sign(), XOR_Y)
    assert losses[-1] < 0.05 < losses[0]
    again, _ = fit_hidden_layer(XOR_X, XOR_Y, hidden=4)
    assert torch.equal(model(XOR_X), again(XOR_X))


@pytest.mark.parametrize(
    ("theta", "y", "message"),
    [
        (torch.zeros(2), torch.tensor([1.0, 0.0]), r"−1 and \+1, got \[0.0, 1.0\]"),
        (torch.zeros(3), torch.tensor([1.0, -1.0]), r"with_bias"),
        (torch.zeros(2), torch.ones(3), r"expected X \(N, D\)"),
    ],
)
def test_wrong_input_says_what_to_do(theta, y, message) -> None:
    with pytest.raises(ValueError, match=message):
        misclassified(theta, torch.ones(2, 2), y)
