"""When to stop: training with a validation set, and the epoch at which patience runs out."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn, optim

from course.training import LossFunction, batches, train_step


def stopping_epoch(losses: Sequence[float], patience: int) -> int:
    """Return the index of the first epoch at which the best loss is `patience` epochs old.

    That is the epoch after which training stops; the last index if it never happens. A tie does
    not count as better.

    >>> stopping_epoch([3.0, 2.0, 2.5, 2.4, 1.0], patience=2)
    3
    """
    if patience < 1:
        raise ValueError(f"patience is a number of epochs of at least 1, got {patience}")
    best, best_epoch = math.inf, 0
    for epoch, loss in enumerate(losses):
        if loss < best:
            best, best_epoch = loss, epoch
        if epoch - best_epoch >= patience:
            return epoch
    return len(losses) - 1


@dataclass
class Curves:
    """Losses after each epoch, and the weights of the epoch with the lowest validation loss."""

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_epoch(self) -> int:
        """The index of the lowest validation loss."""
        return min(range(len(self.validation)), key=self.validation.__getitem__)


def train_with_validation(
    model: nn.Module,
    criterion: LossFunction,
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    optimizer: optim.Optimizer,
    epochs: int,
    batch_size: int = 50,
    patience: int | None = None,
    seed: int = 0,
) -> Curves:
    """Train a model in place, and keep the weights that did best on the validation set.

    Both losses are measured after each epoch, over the whole of each set. With `patience` None
    all epochs are trained; otherwise training ends by `stopping_epoch`.

    >>> X = torch.arange(8.0).reshape(8, 1) / 8
    >>> layer = nn.Linear(1, 1)
    >>> curves = train_with_validation(layer, nn.functional.mse_loss, (X, 2 * X), (X, 2 * X),
    ...                                optim.SGD(layer.parameters(), lr=0.1), epochs=3)
    >>> len(curves.train), sorted(curves.best_weights)
    (3, ['bias', 'weight'])

    Source: Prechelt, in Neural Networks: Tricks of the Trade (1998), doi:10.1007/3-540-49430-8_3.
    """
    generator = torch.Generator().manual_seed(seed)
    curves = Curves()
    for epoch in range(epochs):
        for X, target in batches(*train, batch_size, generator):
            train_step(model, optimizer, criterion, X, target)
        with torch.no_grad():
            curves.train.append(criterion(model(train[0]), train[1]).item())
            curves.validation.append(criterion(model(validation[0]), validation[1]).item())
        if curves.best_epoch == epoch:
            curves.best_weights = copy.deepcopy(model.state_dict())
        if patience is not None and epoch - curves.best_epoch >= patience:
            break
    return curves
