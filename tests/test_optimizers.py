"""Every optimizer against its update rule, written out once more in plain tensors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from course.optimizers import OPTIMIZERS

Rule = Callable[[Tensor, list[Tensor], float], Tensor]


def gradient_descent(w: Tensor, grads: list[Tensor], lr: float) -> Tensor:
    for g in grads:
        w = w - lr * g
    return w


def momentum(w: Tensor, grads: list[Tensor], lr: float, ahead: float = 0.0) -> Tensor:
    v = torch.zeros_like(w)
    for g in grads:
        v = 0.9 * v + g
        w = w - lr * (g + 0.9 * v if ahead else v)
    return w


def nesterov(w: Tensor, grads: list[Tensor], lr: float) -> Tensor:
    return momentum(w, grads, lr, ahead=1.0)


def adagrad(w: Tensor, grads: list[Tensor], lr: float) -> Tensor:
    s = torch.zeros_like(w)
    for g in grads:
        s = s + g**2
        w = w - lr * g / (s.sqrt() + 1e-10)
    return w


def rmsprop(w: Tensor, grads: list[Tensor], lr: float) -> Tensor:
    s = torch.zeros_like(w)
    for g in grads:
        s = 0.99 * s + 0.01 * g**2
        w = w - lr * g / (s.sqrt() + 1e-8)
    return w


def adadelta(w: Tensor, grads: list[Tensor], lr: float) -> Tensor:
    s, d = torch.zeros_like(w), torch.zeros_like(w)
    for g in grads:
        s = 0.9 * s + 0.1 * g**2
        step = ((d + 1e-6) / (s + 1e-6)).sqrt() * g
        d = 0.9 * d + 0.1 * step**2
        w = w - lr * step
    return w


def adam(w: Tensor, grads: list[Tensor], lr: float, decay: float = 0.0) -> Tensor:
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - lr * decay * w
        w = w - lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return w


def adamw(w: Tensor, grads: list[Tensor], lr: float) -> Tensor:
    return adam(w, grads, lr, decay=0.01)


RULES: dict[str, Rule] = {
    "gradient_descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adadelta": adadelta,
    "adam": adam,
    "adamw": adamw,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_five_steps_follow_the_update_rule(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(7, generator=generator, dtype=torch.float64)
    grads = [torch.randn(7, generator=generator, dtype=torch.float64) for _ in range(5)]
    w = start.clone().requires_grad_()
    optimizer = OPTIMIZERS[name].function([w], lr=0.05)
    for g in grads:
        w.grad = g.clone()
        optimizer.step()
    torch.testing.assert_close(w.detach(), RULES[name](start, grads, 0.05))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_typical_rate_descends_a_bowl(name: str) -> None:
    w = torch.tensor([3.0, -2.0], requires_grad=True)
    optimizer = OPTIMIZERS[name].function([w], lr=OPTIMIZERS[name].typical_lr)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "adagrad", "adam", "adamw"])
def test_the_fused_form_is_used_on_the_cpu(name: str) -> None:
    optimizer = OPTIMIZERS[name].function([torch.zeros(2, requires_grad=True)], lr=0.1)
    assert optimizer.defaults["fused"] is True
