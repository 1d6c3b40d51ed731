"""Every loss against torch or a closed form in float64, and its gradient against differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, log_softmax, rel_entr
from torch import Tensor

from course.activations import ACTIVATIONS
from course.losses import LOSSES, losses_for
from course.registry import UnknownName, parameters

Pair = tuple[Tensor, Tensor]


def draw(name: str, seed: int = 0) -> Pair:
    """Return float64 inputs in the domain of a loss, away from kinks."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(6, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(5, (6,), generator=generator)
    signs = torch.where(torch.rand(6, 5, generator=generator) < 0.5, -1.0, 1.0).double()
    prob = torch.softmax(torch.randn(6, 5, generator=generator, dtype=torch.float64), 1)
    first = {
        "values": z.abs() if name == "msle" else z,
        "probabilities": torch.sigmoid(z),
        "logits": z,
        "scores": z,
        "log_probabilities": torch.log_softmax(z, 1),
    }[LOSSES[name].expects]
    other = torch.rand(6, 5, generator=generator, dtype=torch.float64)
    second = {
        "values": other,
        "zero_one": other.round(),
        "signs": signs,
        "labels": labels,
        "one_hot": prob,
    }[LOSSES[name].target]
    return first, second


def multi_margin_by_loop(s: np.ndarray, y: np.ndarray) -> float:
    total = 0.0
    for row, label in zip(s, y):
        total += sum(max(0, 1 - row[label] + row[i]) for i in range(len(row)) if i != label)
    return total / s.size


CLOSED_FORMS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mse": lambda p, t: ((p - t) ** 2).mean(),
    "l1": lambda p, t: abs(p - t).mean(),
    "rmse": lambda p, t: math.sqrt(((p - t) ** 2).mean()),
    "msle": lambda p, t: ((np.log1p(p) - np.log1p(t)) ** 2).mean(),
    "huber": lambda p, t: np.where(abs(p - t) <= 1, 0.5 * (p - t) ** 2, abs(p - t) - 0.5).mean(),
    "pseudo_huber": lambda p, t: (np.sqrt(1 + (p - t) ** 2) - 1).mean(),
    "log_cosh": lambda p, t: np.log(np.cosh(p - t)).mean(),
    "lp": lambda p, t: (abs(p - t) ** 3).sum() ** (1 / 3),
    "bce": lambda q, t: -(t * np.log(q) + (1 - t) * np.log(1 - q)).mean(),
    "bce_logits": lambda z, t: -(t * np.log(expit(z)) + (1 - t) * np.log(expit(-z))).mean(),
    "hinge": lambda s, t: np.maximum(0, 1 - t * s).mean(),
    "squared_hinge": lambda s, t: (np.maximum(0, 1 - t * s) ** 2).mean(),
    "cross_entropy": lambda z, y: -log_softmax(z, 1)[np.arange(len(y)), y].mean(),
    "nll": lambda lp, y: -lp[np.arange(len(y)), y].mean(),
    "multi_margin": multi_margin_by_loop,
    "kl": lambda lq, p: rel_entr(p, np.exp(lq)).sum() / len(p),
}


def test_names_of_the_contract() -> None:
    expected = (
        "mse l1 rmse msle huber pseudo_huber log_cosh lp bce bce_logits hinge squared_hinge "
        "cross_entropy nll multi_margin kl"
    )
    assert list(LOSSES) == expected.split()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_value_is_the_closed_form(name: str, seed: int) -> None:
    pred, target = draw(name, seed)
    loss = LOSSES[name].function(pred, target)
    assert loss.shape == () and loss.dtype == torch.float64
    assert loss.item() == pytest.approx(CLOSED_FORMS[name](pred.numpy(), target.numpy()), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_central_difference(name: str) -> None:
    pred, target = draw(name)
    pred.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: LOSSES[name].function(p, target), pred)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 4.0, 5.0])
def test_lp_is_the_norm_of_order_p(p: float) -> None:
    pred, target = draw("lp")
    expected = np.linalg.norm((pred - target).flatten().numpy(), ord=p)
    assert LOSSES.resolve(f"lp:p={p}")[1](pred, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("delta", [0.1, 2.0])
def test_huber_delta_is_the_branch_point(delta: float) -> None:
    pred, target = draw("huber")
    expected = torch.nn.HuberLoss(delta=delta)(pred, target)
    assert torch.equal(LOSSES.resolve(f"huber:delta={delta}")[1](pred, target), expected)


@pytest.mark.parametrize("name", losses_for("autoencoder"))
@pytest.mark.parametrize("size", [0.0, 1e4])
def test_extreme_errors_stay_finite_with_their_gradients(name: str, size: float) -> None:
    if LOSSES[name].expects == "probabilities":
        size = min(size, 1.0)
    pred = torch.full((4, 3), size, requires_grad=True)
    loss = LOSSES[name].function(pred, torch.zeros(4, 3))
    loss.backward()
    assert math.isfinite(loss.item()) and pred.grad.isfinite().all()


elements = st.floats(-1e3, 1e3, width=32)
pairs = hnp.array_shapes(max_dims=3, max_side=4).flatmap(
    lambda shape: st.tuples(*(hnp.arrays(np.float64, shape, elements=elements),) * 2)
)


@given(pair=pairs)
def test_regression_losses_are_symmetric_and_zero_only_at_equality(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    a, b = (torch.from_numpy(array) for array in pair)
    for name in losses_for("autoencoder"):
        if LOSSES[name].family != "regression" or name == "msle":
            continue
        loss = LOSSES[name].function
        assert loss(a, b).item() >= 0
        assert loss(a, b).item() == pytest.approx(loss(b, a).item())
        assert loss(a, a).item() == 0


@given(pair=pairs)
def test_pseudo_huber_and_log_cosh_lie_between_zero_and_their_bounds(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    a, b = (torch.from_numpy(array) for array in pair)
    half_mse, mae = 0.5 * LOSSES["mse"].function(a, b), LOSSES["l1"].function(a, b)
    for name in ("huber", "pseudo_huber", "log_cosh"):
        value = LOSSES[name].function(a, b)
        assert value <= half_mse + 1e-9 and value <= mae + 1e-9


@pytest.mark.parametrize("name", [n for n in LOSSES if LOSSES[n].target != "labels"])
def test_shapes_that_differ_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(3, 1\)"):
        LOSSES[name].function(torch.zeros(3, 2), torch.zeros(3, 1))


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"nearest: cross_entropy.*There are: mse, l1"):
        LOSSES["crossentropy"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("huber:deltaa=1", "no parameter 'deltaa'; it takes delta"),
        ("mse:p=1", "takes no parameters"),
        ("lp:p=three", "p must be a number, got 'three'"),
        ("lp:p", "p must be a number, got 'nothing'"),
    ],
)
def test_bad_parameters_say_what_is_allowed(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LOSSES.resolve(spec)


def test_a_builtin_has_no_parameters() -> None:
    with pytest.raises(ValueError, match="takes no parameters"):
        ACTIVATIONS.resolve("sign:x=1")


def test_p_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="p >= 1"):
        LOSSES.resolve("lp:p=0.5")[1](torch.zeros(2), torch.ones(2))


@pytest.mark.parametrize("name", LOSSES)
def test_every_entry_says_what_the_lecture_table_needs(name: str) -> None:
    entry = LOSSES[name]
    assert entry.family in ("regression", "binary", "multi-class")
    assert all((entry.title, entry.formula, entry.domain, entry.reference, entry.tasks))
    assert entry.function.__doc__ and "Source:" in entry.function.__doc__
    assert all(math.isfinite(value) for value in parameters(entry.function).values())
