"""Drivers: the only code that touches a student's object.

A driver is a public function without secrets. It runs next to the student's code, in the
notebook or in the grader's sandbox, and returns plain data only (see `course.plain`).
"""

from __future__ import annotations

import linecache
import sysconfig
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from course import plain
from course.forbidden import ForbiddenCall, Rules, TooSlow, forbidden_source, watching

FUNCTIONS: dict[str, Callable] = {
    "quadratic": lambda theta: (theta**2).sum(),
    "wavy": lambda theta: (theta.sin() * theta).sum(),
    "chain": lambda theta: theta.cumsum(0).sin().sum(),
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "mean_squared_error": lambda pred, target: ((pred - target) ** 2).mean(),
}
"""Trusted callables that a case may pass as an argument, by name: ("function:tanh")."""

OWN_CODE = (str(Path(__file__).parent), sysconfig.get_path("purelib"), sysconfig.get_path("stdlib"))


@dataclass(frozen=True)
class Failure:
    """An exception of the student's code, with the student's own line."""

    type: str
    message: str
    line: int | None = None
    source: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of one driven call, as plain data."""

    value: Any = None
    args: tuple = ()
    error: Failure | None = None
    forbidden: str | None = None
    late: bool = False
    seconds: float = field(default=0.0, compare=False)


def drive(
    answer: Any, driver: str, args: tuple, kwargs: dict[str, Any], rules: Rules | None = None
) -> Outcome:
    """Run a driver on a student's object and catch whatever happens.

    Without rules (for code of ours) nothing is forbidden and there is no time limit.
    An object with `__course_drive__(driver, args, kwargs, rules)` (the grader's remote proxy)
    is handed the call instead.

    >>> drive(lambda x: x + 1, "call", (torch.zeros(2),), {}).value
    tensor([1., 1.])
    """
    if hasattr(type(answer), "__course_drive__"):
        return answer.__course_drive__(driver, args, kwargs, rules)
    if rules and (found := forbidden_source(answer, rules)):
        return Outcome(forbidden=found)
    given, options = plain.copy(args), plain.copy(kwargs)
    value, error = None, None
    start = time.perf_counter()
    with watching(rules) as watch:
        try:
            value = DRIVERS[driver](answer, *given, **options)
        except (ForbiddenCall, TooSlow):
            pass
        except Exception as problem:
            error = _failure(problem)
    seconds = time.perf_counter() - start
    try:
        value = plain.copy(value)
    except plain.NotPlain as problem:
        value, error = None, Failure("NotPlain", str(problem))
    return Outcome(value, plain.copy(given), error, watch.found, watch.late, seconds)


def _failure(problem: Exception) -> Failure:
    """The exception with the last line that is the student's own."""
    own = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if not frame.filename.startswith(OWN_CODE)
    ]
    line = own[-1].lineno if own else None
    source = linecache.getline(own[-1].filename, line).strip() if own and line else None
    return Failure(type(problem).__name__, str(problem), line, source or None)


def call(answer: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call it."""
    return answer(*args, **kwargs)


def with_function(answer: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call it with "function:NAME" arguments replaced by the trusted callable of that name."""
    return answer(*(_resolve(arg) for arg in args), **kwargs)


def seeded(answer: Callable, *args: Any, seed: int = 0, **kwargs: Any) -> dict[str, Any]:
    """Draw three times: twice with the same generator seed, once with another."""
    seeds = {"draw": seed, "again": seed, "other": seed + 1}
    return {
        key: answer(*args, generator=torch.Generator().manual_seed(number), **kwargs)
        for key, number in seeds.items()
    }


def autograd(answer: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Apply a `torch.autograd.Function`: its value and the gradients of its tensor arguments."""
    given = [arg for arg in args if isinstance(arg, torch.Tensor)]
    tensors = [arg.requires_grad_() for arg in given if arg.is_floating_point()]
    value = answer.apply(*args, **kwargs)
    value.backward()
    grads = [tensor.grad for tensor in tensors]
    return {"value": value, "grads": grads}


def mlp(
    answer: Any,
    weights: list,
    biases: list,
    X: torch.Tensor,
    labels: torch.Tensor,
    lr: float,
    steps: int,
) -> dict[str, Any]:
    """Construct a network, predict, make gradient steps, and read what has become of it."""
    network = answer(weights, biases)
    before = network.predict(X)
    losses = [network.step(X, labels, lr) for _ in range(steps)]
    return {
        "before": before,
        "losses": losses,
        "after": network.predict(X),
        "weights": list(network.weights),
        "biases": list(network.biases),
    }


def _resolve(arg: Any) -> Any:
    if isinstance(arg, str) and arg.startswith("function:"):
        return FUNCTIONS[arg.removeprefix("function:")]
    return arg


DRIVERS: dict[str, Callable] = {
    "call": call,
    "with_function": with_function,
    "seeded": seeded,
    "autograd": autograd,
    "mlp": mlp,
}
