"""Numerical gradients: central differences, and the check of a gradient derived by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Scalar = Callable[[Tensor], Tensor]


def forward_difference(f: Callable[[float], float], x: float, epsilon: float = 1e-4) -> float:
    """Return (f(x + ε) − f(x)) / ε, whose error shrinks like ε.

    >>> round(forward_difference(lambda x: x**2, 1.5), 6)
    3.0001
    """
    return (f(x + epsilon) - f(x)) / epsilon


def central_difference(f: Callable[[float], float], x: float, epsilon: float = 1e-4) -> float:
    """Return (f(x + ε) − f(x − ε)) / 2ε, whose error shrinks like ε² until rounding takes over.

    >>> central_difference(lambda x: x**2, 1.5)
    2.9999999999996696

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 25.3.21.
    """
    return (f(x + epsilon) - f(x - epsilon)) / (2 * epsilon)


@torch.no_grad()
def numerical_gradient(f: Scalar, theta: Tensor, epsilon: float = 1e-4) -> Tensor:
    """Return the gradient of a scalar function at `theta` by one central difference an entry.

    `theta` of any shape; the result has its shape and dtype, and `theta` stays as it was.
    Use float64: in float32 rounding leaves about three digits.

    >>> numerical_gradient(lambda t: (t**2).sum(), torch.tensor([1.5, 2.0], dtype=torch.float64))
    tensor([3.0000, 4.0000], dtype=torch.float64)
    """
    if not theta.is_floating_point():
        raise ValueError(f"theta must hold floating-point numbers, got {theta.dtype}")
    gradient = torch.empty_like(theta)
    for i in range(theta.numel()):
        shift = torch.zeros_like(theta)
        shift.view(-1)[i] = epsilon
        difference = f(theta + shift) - f(theta - shift)
        gradient.view(-1)[i] = difference / (2 * epsilon)
    return gradient


def relative_error(a: Tensor, b: Tensor) -> float:
    """Return ‖a − b‖ / ‖a + b‖, and 0 where both are zero; 1 or more means unrelated.

    Raises `ValueError` for different shapes.

    >>> relative_error(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]))
    0.0
    """
    if a.shape != b.shape:
        raise ValueError(
            f"gradients of one shape are compared, got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    difference = torch.linalg.vector_norm(a - b).item()
    if difference == 0:
        return 0.0
    total = torch.linalg.vector_norm(a + b).item()
    return difference / total if total else float("inf")


def gradient_check(
    f: Scalar, gradient: Callable[[Tensor], Tensor], theta: Tensor, epsilon: float = 1e-4
) -> float:
    """Return the relative error of a hand-derived gradient of `f` against central differences.

    In float64 a right gradient lands below 1e-7; a forgotten factor or transpose lands above 1e-2.

    >>> theta = torch.tensor([1.5, -2.0], dtype=torch.float64)
    >>> gradient_check(lambda t: (t**3).sum(), lambda t: 3 * t**2, theta) < 1e-7
    True
    >>> gradient_check(lambda t: (t**3).sum(), lambda t: t**2, theta)
    0.5...
    """
    return relative_error(gradient(theta), numerical_gradient(f, theta, epsilon))
