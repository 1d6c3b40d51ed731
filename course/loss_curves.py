"""A loss as a curve with its gradient, and the constant that a loss likes best."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from course.losses import LOSSES, Loss

CLASSES = 3


def loss_curve(spec: str, grid: Tensor, target: float | None = None) -> tuple[Tensor, Tensor]:
    """Return the loss of one sample along a (N,) grid of predictions, and its gradient, both (N,).

    Regression losses meet `target` (0 unless given), binary ones the class 1. A multi-class loss
    is shown along the logit of the right class, the other two logits held at 0.

    >>> values, gradient = loss_curve("mse", torch.tensor([-1.0, 2.0]))
    >>> values.tolist(), gradient.tolist()
    ([1.0, 4.0], [-2.0, 4.0])
    """
    entry, function = LOSSES.resolve(spec)
    if target is None:
        target = 0.0 if entry.family == "regression" else 1.0
    pairs = [_value_and_gradient(entry, function, point, target) for point in grid]
    values, gradients = zip(*pairs)
    return torch.stack(values), torch.stack(gradients)


def _value_and_gradient(entry: Loss, function, point: Tensor, target: float):
    x = point.detach().reshape(1).clone().requires_grad_()
    if entry.family == "multi-class":
        logits = torch.cat([x, x.new_zeros(CLASSES - 1)]).unsqueeze(0)
        pred = F.log_softmax(logits, 1) if entry.expects == "log_probabilities" else logits
        label = torch.tensor([0])
        truth = F.one_hot(label, CLASSES).to(x.dtype) if entry.target == "one_hot" else label
    else:
        pred, truth = x, torch.full_like(x, target)
    loss = function(pred, truth)
    loss.backward()
    return loss.detach(), x.grad.squeeze()


def best_constant(spec: str, values: Tensor, rounds: int = 100) -> float:
    """Return the constant prediction with the smallest loss on `values`, by golden section.

    Any regression loss with a single valley will do; where the valley has a flat floor (the
    median of an even number of values) some point of the floor is returned.

    >>> data = torch.tensor([1.0, 2.0, 6.0])
    >>> round(best_constant("mse", data), 4), round(best_constant("l1", data), 4)
    (3.0, 2.0)
    """
    _, function = LOSSES.resolve(spec)
    values = values.double()
    low, high = values.min().item(), values.max().item()
    ratio = (5**0.5 - 1) / 2
    for _ in range(rounds):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        loss_left, loss_right = (
            function(torch.full_like(values, c), values).item() for c in (left, right)
        )
        low, high = (low, right) if loss_left <= loss_right else (left, high)
    return (low + high) / 2


def loss_shares(spec: str, pred: float, values: Tensor) -> list[float]:
    """Return the share of the total loss that each value causes for one constant prediction.

    >>> [round(share, 2) for share in loss_shares("mse", 0.0, torch.tensor([1.0, 3.0]))]
    [0.1, 0.9]
    """
    _, function = LOSSES.resolve(spec)
    each = [function(torch.full((1,), pred).to(value), value.reshape(1)).item() for value in values]
    return [part / sum(each) for part in each]
