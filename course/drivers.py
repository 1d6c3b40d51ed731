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
            error = failure_of(problem)
    seconds = time.perf_counter() - start
    try:
        value = plain.copy(value)
    except plain.NotPlain as problem:
        value, error = None, Failure("NotPlain", str(problem))
    return Outcome(value, plain.copy(given), error, watch.found, watch.late, seconds)


def failure_of(problem: BaseException) -> Failure:
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


def autograd(answer: Any, *args: Any) -> dict[str, Any]:
    """Apply a `torch.autograd.Function`: its value, and the gradients of its tensor arguments.

    Once as the last step of a computation, and once with three times the loss behind it.
    """
    value, grads = _backward(answer, args, factor=1)
    _, threefold = _backward(answer, plain.copy(args), factor=3)
    own = type(value.grad_fn).__name__ == f"{getattr(answer, '__name__', '')}Backward"
    return {"value": value, "own backward": own, "gradients": grads, "gradients of 3·L": threefold}


def _backward(answer: Any, args: tuple, factor: int) -> tuple[torch.Tensor, list]:
    tensors = [arg.requires_grad_() for arg in args if isinstance(arg, torch.Tensor)]
    value = answer.apply(*args)
    (factor * value).backward()
    return value, [tensor.grad for tensor in tensors]


def autoencoder(
    answer: Callable, samples: int, epochs: int, lr: float, seed: int
) -> dict[str, Any]:
    """Train an autoencoder on made-up images, and note what its loss function is called with.

    Three runs with the squared error: twice with one generator seed, once with another. In the
    last run, without a generator, the loss darkens the images, whatever they show, and its value
    is the mean of their first pixels, which tell the images apart.
    """
    images = torch.Generator().manual_seed(seed)
    X = torch.rand(4, 784, generator=images).round().repeat(samples // 4 + 1, 1)[:samples]
    X[:, 0] = (torch.arange(samples) + 0.5) / samples
    pixels, noted = X.clone(), _Noted()

    def train(loss_fn: Callable, **generator: torch.Generator) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return answer(loss_fn, X, epochs, lr, **generator)

    def run(number: int) -> Any:
        return train(FUNCTIONS["mean_squared_error"], generator=images.manual_seed(number))

    return {
        "losses": run(seed),
        "again": run(seed),
        "other": run(seed + 1),
        "first pixels": train(noted.darken),
        "every image once an epoch": noted.covers(X[:, 0], epochs),
        "loss_fn(pred, target)": noted.in_order,
        "of shape (batch, 784)": noted.shapes == {784},
        "pixels between 0 and 1": noted.low >= 0 and noted.high <= 1,
        "hidden units": sum(p.numel() for p in noted.parameters) // (2 * 784),
        "brightness": noted.brightness,
        "gradients of one batch alone": noted.alone,
        "X unchanged": torch.equal(X, pixels),
    }


class _Noted:
    """What a loss function has been called with in training."""

    def __init__(self) -> None:
        self.firsts: list[torch.Tensor] = []
        self.brightness: list[float] = []
        self.shapes: set[int] = set()
        self.in_order = True
        self.low, self.high = 0.5, 0.5
        self.parameters: set[torch.Tensor] = set()
        self.gradients: dict[torch.Tensor, torch.Tensor] = {}
        self.alone = True

    def darken(self, pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if target.requires_grad and not pred.requires_grad:
            pred, target, self.in_order = target, pred, False
        if pred.requires_grad:
            self.firsts.append(target[:, 0].detach().clone())
            self.brightness.append(pred.mean().item())
            self.parameters |= _parameters(pred)
            self.compare_gradients(pred.mean())
        self.shapes |= {tensor[0].numel() for tensor in (pred, target)}
        self.low, self.high = min(self.low, pred.min().item()), max(self.high, pred.max().item())
        return pred.mean() - pred.mean().detach() + target[:, 0].mean()

    def compare_gradients(self, loss: torch.Tensor) -> None:
        """Look at what the batch before left behind, and note what this one should leave."""
        for tensor, gradient in self.gradients.items():
            left = tensor.grad
            if left is not None and left.any() and not torch.allclose(left, gradient, 1e-3, 1e-9):
                self.alone = False
        learn = list(_parameters(loss))
        gradients = torch.autograd.grad(loss, learn, retain_graph=True)
        self.gradients = dict(zip(learn, gradients))

    def covers(self, firsts: torch.Tensor, epochs: int) -> bool:
        seen = torch.cat([torch.zeros(0), *self.firsts]).sort().values
        return torch.equal(seen, firsts.repeat_interleave(epochs))


def _parameters(result: torch.Tensor) -> set[torch.Tensor]:
    """The tensors that learn and went into a result."""
    nodes, seen, found = [result.grad_fn], set(), set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes += [before for before, _ in node.next_functions]
            found |= {node.variable} if hasattr(node, "variable") else set()
    return found


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
    "autoencoder": autoencoder,
    "mlp": mlp,
}
