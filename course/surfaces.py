"""Surfaces over two weights, and the paths that the optimizers take down them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from course.optimizers import OPTIMIZERS
from course.registry import Registry

Point = tuple[float, float]
ESCAPED = 1e3
LEARNING_RATES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Surface:
    """A function of two weights, for points in the last dimension (…, 2).

    `domain` is the square that is drawn, ((x from, to), (y from, to)); `start` a place from which
    the descent is worth watching; `minima` every global minimum.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor], Tensor]
    title: str
    formula: str
    domain: tuple[Point, Point]
    start: Point
    minima: tuple[Point, ...]
    reference: str


def bowl(w: Tensor) -> Tensor:
    """Return ½(x² + y²): equally steep in every direction.

    >>> bowl(torch.tensor([3.0, 4.0]))
    tensor(12.5000)
    """
    return 0.5 * w.square().sum(-1)


def ravine(w: Tensor) -> Tensor:
    """Return ½(x² + 20y²): twenty times as curved across as along.

    >>> ravine(torch.tensor([2.0, 1.0]))
    tensor(12.)
    """
    x, y = w.unbind(-1)
    return 0.5 * (x**2 + 20 * y**2)


def saddle(w: Tensor) -> Tensor:
    """Return ½x² − ½y² + ¼y⁴: a saddle at the origin between two minima at (0, ±1).

    >>> saddle(torch.tensor([0.0, 1.0]))
    tensor(-0.2500)
    """
    x, y = w.unbind(-1)
    return 0.5 * x**2 - 0.5 * y**2 + 0.25 * y**4


def rosenbrock(w: Tensor) -> Tensor:
    """Return (1 − x)² + 100(y − x²)²: a curved valley, easy to enter and hard to follow.

    >>> rosenbrock(torch.tensor([0.0, 0.0]))
    tensor(1.)

    Source: Rosenbrock, Comput. J. 3, 175 (1960), doi:10.1093/comjnl/3.3.175.
    """
    x, y = w.unbind(-1)
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


_BEALE = ((1.5, 1), (2.25, 2), (2.625, 3))


def beale(w: Tensor) -> Tensor:
    """Return Σ_k (c_k − x(1 − y^k))² with c = 1.5, 2.25, 2.625: flat plains, steep corners.

    >>> beale(torch.tensor([3.0, 0.5]))
    tensor(0.)

    Source: Beale, On an iterative method (1958); see Moré, Garbow and Hillstrom,
    ACM Trans. Math. Softw. 7, 17 (1981), doi:10.1145/355934.355936, problem 5.
    """
    x, y = w.unbind(-1)
    return sum((c - x * (1 - y**k)).square() for c, k in _BEALE)


def _ravine_gradient(w: Tensor) -> Tensor:
    return w * w.new_tensor([1.0, 20.0])


def _saddle_gradient(w: Tensor) -> Tensor:
    x, y = w.unbind(-1)
    return torch.stack([x, y**3 - y], dim=-1)


def _rosenbrock_gradient(w: Tensor) -> Tensor:
    x, y = w.unbind(-1)
    return torch.stack([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)], dim=-1)


def _beale_gradient(w: Tensor) -> Tensor:
    x, y = w.unbind(-1)
    terms = [
        torch.stack([-2 * e * (1 - y**k), 2 * e * k * x * y ** (k - 1)], dim=-1)
        for c, k in _BEALE
        for e in [c - x * (1 - y**k)]
    ]
    return sum(terms[1:], terms[0])


SURFACES: Registry[Surface] = Registry(
    "surface",
    [
        Surface(
            "bowl",
            bowl,
            lambda w: w,
            "Bowl",
            r"\tfrac12(x^2+y^2)",
            ((-3.0, 3.0), (-3.0, 3.0)),
            (-2.5, 2.0),
            ((0.0, 0.0),),
            "",
        ),
        Surface(
            "ravine",
            ravine,
            _ravine_gradient,
            "Ravine",
            r"\tfrac12(x^2+20y^2)",
            ((-3.0, 3.0), (-1.5, 1.5)),
            (-2.5, 1.0),
            ((0.0, 0.0),),
            "",
        ),
        Surface(
            "saddle",
            saddle,
            _saddle_gradient,
            "Saddle",
            r"\tfrac12x^2-\tfrac12y^2+\tfrac14y^4",
            ((-2.0, 2.0), (-1.6, 1.6)),
            (-1.6, 0.001),
            ((0.0, 1.0), (0.0, -1.0)),
            "",
        ),
        Surface(
            "rosenbrock",
            rosenbrock,
            _rosenbrock_gradient,
            "Rosenbrock",
            r"(1-x)^2+100(y-x^2)^2",
            ((-2.0, 2.0), (-1.0, 3.0)),
            (-1.5, 2.0),
            ((1.0, 1.0),),
            "Rosenbrock 1960",
        ),
        Surface(
            "beale",
            beale,
            _beale_gradient,
            "Beale",
            r"\sum_k (c_k-x(1-y^k))^2",
            ((-1.0, 4.5), (-2.0, 2.0)),
            (1.0, 1.5),
            ((3.0, 0.5),),
            "Beale 1958",
        ),
    ],
)


def trajectory(
    surface: str, optimizer: str, lr: float, steps: int = 100, start: Point | None = None
) -> Tensor:
    """Return the points that an optimizer visits, (steps + 1, 2), the start first.

    `optimizer` is a spec from `OPTIMIZERS` such as `"momentum:gamma=0.8"`; `start` None is the
    surface's own. The path ends early where it escapes: a coordinate beyond ±1000, or not finite.

    >>> trajectory("bowl", "gradient_descent", lr=1.0, steps=2, start=(2.0, 1.0))
    tensor([[2., 1.],
            [0., 0.],
            [0., 0.]], dtype=torch.float64)
    """
    entry = SURFACES[surface]
    _, build = OPTIMIZERS.resolve(optimizer)
    w = torch.tensor(start or entry.start, dtype=torch.float64, requires_grad=True)
    stepper = build([w], lr=lr)
    points = [w.detach().clone()]
    for _ in range(steps):
        w.grad = entry.gradient(w.detach()).clone()
        stepper.step()
        point = w.detach().clone()
        if not (point.abs() <= ESCAPED).all():
            break
        points.append(point)
    return torch.stack(points)


def escaped(path: Tensor, steps: int) -> bool:
    """Return whether a path of `trajectory` ended before its `steps` were done.

    >>> escaped(trajectory("bowl", "gradient_descent", lr=3.0, steps=100), steps=100)
    True
    """
    return len(path) <= steps


def best_lr(surface: str, optimizer: str, steps: int = 100) -> float:
    """Return the rate of `LEARNING_RATES` that ends lowest after `steps` from the surface's start.

    Rates whose path climbs above the start on its way do not count, unless all do.

    >>> best_lr("bowl", "gradient_descent", steps=20)
    1.0
    """
    value = SURFACES[surface].function

    def rank(lr: float) -> tuple[bool, float]:
        heights = value(trajectory(surface, optimizer, lr, steps))
        climbs = len(heights) <= steps or bool((heights > heights[0]).any())
        return climbs, heights[-1].item()

    return min(LEARNING_RATES, key=rank)
