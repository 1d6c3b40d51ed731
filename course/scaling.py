"""Preparing data: centred at zero, and scaled to one unit of spread a column."""

from __future__ import annotations

import torch
from torch import Tensor


def zero_center(X: Tensor) -> Tensor:
    """Return X minus the mean of each column; (N, D).

    >>> zero_center(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    tensor([[ -1., -10.],
            [  1.,  10.]])
    """
    return X - X.mean(dim=0)


def standardize(X: Tensor) -> Tensor:
    """Return (X − mean) / std of each column, std over the population; a constant column gives 0.

    Test data take the mean and std of the training data: scale both by hand there.

    >>> standardize(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    tensor([[-1., -1.],
            [ 1.,  1.]])

    Source: LeCun et al., Efficient BackProp (1998), section 4.3, doi:10.1007/3-540-49430-8_2.
    """
    constant = (X[:1] == X).all(dim=0)
    return torch.where(constant, 0.0, zero_center(X) / X.std(dim=0, correction=0))


def condition_number(X: Tensor) -> float:
    """Return how many times more curved the squared error of a linear unit is one way than another.

    The ratio of the largest to the smallest eigenvalue of XᵀX/N with a column of ones for the
    bias. Gradient descent needs a number of steps of this order.

    >>> round(condition_number(torch.tensor([[-1.0], [1.0]])))
    1
    """
    with_bias = torch.cat([X, X.new_ones(len(X), 1)], dim=1).double()
    values = torch.linalg.eigvalsh(with_bias.T @ with_bias / len(X))
    return (values[-1] / values[0]).item()
