"""What an outlier does to a loss: the constant it likes best, and who causes how much of it."""

from __future__ import annotations

import torch
from torch import Tensor

from course.losses import LOSSES


def best_constant(spec: str, values: Tensor, rounds: int = 100) -> float:
    """Return the constant prediction with the smallest loss on `values`, by golden section.

    Any regression loss with a single valley will do; where the valley has a flat floor (L1 on an
    even number of values) some point of the floor is returned.

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
    """Return the share of the summed losses that each value causes for one constant prediction.

    >>> [round(share, 2) for share in loss_shares("mse", 0.0, torch.tensor([1.0, 3.0]))]
    [0.1, 0.9]
    """
    _, function = LOSSES.resolve(spec)
    each = [function(torch.full((1,), pred).to(value), value.reshape(1)).item() for value in values]
    return [part / sum(each) for part in each]


def pull_shares(spec: str, pred: float, values: Tensor) -> list[float]:
    """Return each value's share of the sizes |∂L/∂pred_i| with which they pull a constant.

    >>> [round(share, 2) for share in pull_shares("l1", 2.0, torch.tensor([1.0, 1.0, 1000.0]))]
    [0.33, 0.33, 0.33]
    """
    _, function = LOSSES.resolve(spec)
    values = values.double()
    preds = torch.full_like(values, pred, requires_grad=True)
    (slopes,) = torch.autograd.grad(function(preds, values), preds)
    return (slopes.abs() / slopes.abs().sum()).tolist()
