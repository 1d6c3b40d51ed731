"""Early stopping: the rule, and that the kept weights are those of the best epoch."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn, optim

from course.early_stopping import stopping_epoch, train_with_validation


@settings(deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.integers(1, 5))
def test_the_rule_stops_at_the_first_epoch_without_a_better_one(losses, patience):
    stop = stopping_epoch(losses, patience)

    def age(epoch):
        seen = losses[: epoch + 1]
        return epoch - seen.index(min(seen))

    assert all(age(epoch) < patience for epoch in range(stop))
    assert age(stop) >= patience or stop == len(losses) - 1


def test_patience_below_one_is_refused():
    with pytest.raises(ValueError, match="patience"):
        stopping_epoch([1.0], patience=0)


def overfit(patience, epochs=40):
    """Twelve noisy points and a network with room for each of them."""
    generator = torch.Generator().manual_seed(1)
    X = torch.rand(24, 1, generator=generator) * 6 - 3
    target = X.sin() + 0.3 * torch.randn(24, 1, generator=generator)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 1))
    train, validation = (X[:12], target[:12]), (X[12:], target[12:])
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    curves = train_with_validation(
        model, F.mse_loss, train, validation, optimizer, epochs, batch_size=4, patience=patience
    )
    return model, validation, curves


def test_training_ends_where_the_rule_says_and_keeps_the_best_weights():
    _, _, whole = overfit(patience=None)
    model, validation, stopped = overfit(patience=5)
    assert len(stopped.validation) == stopping_epoch(whole.validation, 5) + 1 < 40
    assert stopped.validation == whole.validation[: len(stopped.validation)]
    model.load_state_dict(stopped.best_weights)
    loss = F.mse_loss(model(validation[0]), validation[1]).item()
    assert loss == pytest.approx(min(stopped.validation))
