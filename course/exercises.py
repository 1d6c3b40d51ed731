"""How an exercise is described: reference, cases, alternatives, misconceptions, hints.

`Exercise` is the whole description, as `tests/hidden/<assignment>.py` holds it. `Sheet` is what
is left of it once the reference has been run on some cases: values and no code. A sheet is all
that `course.judge` needs, and the visible one travels with the release as `checks.json`.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import torch

from course import plain
from course.drivers import Outcome, drive
from course.forbidden import Rules
from course.views import VIEWS


@dataclass(frozen=True)
class Case:
    """One call: arguments, and a label that the learner may read."""

    label: str
    args: tuple
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Misconception:
    """A named wrong implementation, and the hint that leads away from it."""

    name: str
    function: Callable
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One graded function or class."""

    name: str
    points: int
    minutes: int
    reference: Callable
    visible: Sequence[Case]
    hidden: Callable[[Draw], Sequence[Case]]
    alternatives: Sequence[Callable]
    misconceptions: Sequence[Misconception]
    hints: Sequence[str]
    driver: str = "call"
    view: str = "same"
    valid: Callable | None = None
    """`valid(*args, **kwargs) -> (low, high)`: every answer between the two passes (as the view
    sees it). Without it the reference's own answer is the only valid one."""
    forbidden: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    seconds: float = 5.0
    tolerance: float = 1.0
    """Factor on the usual tolerances, for long computations."""

    @property
    def rules(self) -> Rules:
        return Rules(tuple(self.forbidden), tuple(self.allow), self.seconds)

    def hidden_cases(self, seed: int) -> list[Case]:
        """Fresh cases, the same ones for the same seed."""
        return list(self.hidden(Draw(zlib.crc32(self.name.encode()) ^ seed)))

    def sheet(self, cases: Sequence[Case]) -> Sheet:
        """Run the reference on these cases; misconceptions run when somebody asks for them."""
        cases = tuple(cases)
        return Sheet(
            exercise=self.name,
            driver=self.driver,
            view=self.view,
            rules=self.rules,
            tolerance=self.tolerance,
            hints=tuple(self.hints),
            cases=cases,
            expected=tuple(self._expect(case) for case in cases),
            known=tuple(
                Known(wrong.name, wrong.hint, lambda f=wrong.function: self._observe(f, cases))
                for wrong in self.misconceptions
            ),
        )

    def visible_sheet(self) -> Sheet:
        return self.sheet(self.visible)

    def hidden_sheet(self, seed: int) -> Sheet:
        return self.sheet(self.hidden_cases(seed))

    def _run(self, function: Callable, case: Case) -> Outcome:
        return drive(function, self.driver, case.args, case.kwargs)

    def _observe(self, function: Callable, cases: Sequence[Case]) -> tuple[Seen, ...]:
        return tuple(observe(self._run(function, case), case, self.view) for case in cases)

    def _expect(self, case: Case) -> Expected:
        seen = observe(self._run(self.reference, case), case, self.view)
        if seen.error or self.valid is None:
            return Expected(seen.value, seen.value, seen.error)
        low, high = self.valid(*plain.copy(case.args), **plain.copy(case.kwargs))
        return Expected(low, high)


@dataclass(frozen=True)
class Expected:
    """The valid answers of a case: all from `low` to `high`, or an exception of type `error`."""

    low: Any
    high: Any
    error: str | None = None


@dataclass(frozen=True)
class Seen:
    """What an answer did on a case: its value (or exception) and the arguments it changed."""

    value: Any
    error: str | None = None
    changed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Known:
    """A misconception on a sheet: `run()` gives what it does on the sheet's cases."""

    name: str
    hint: str
    run: Callable[[], tuple[Seen, ...]]

    @cached_property
    def seen(self) -> tuple[Seen, ...]:
        return self.run()


@dataclass(frozen=True)
class Sheet:
    """Cases with their expected answers and with the marks of known misconceptions."""

    exercise: str
    driver: str
    view: str
    rules: Rules
    tolerance: float
    hints: tuple[str, ...]
    cases: tuple[Case, ...]
    expected: tuple[Expected, ...]
    known: tuple[Known, ...]

    def to_json(self) -> dict[str, Any]:
        """The sheet as JSON data."""
        return {
            "exercise": self.exercise,
            "driver": self.driver,
            "view": self.view,
            "rules": asdict(self.rules),
            "tolerance": self.tolerance,
            "hints": list(self.hints),
            "cases": [
                {
                    "label": case.label,
                    "args": plain.to_json(case.args),
                    "kwargs": plain.to_json(case.kwargs),
                    "expected": _fields(expected),
                }
                for case, expected in zip(self.cases, self.expected)
            ],
            "misconceptions": [
                {"name": wrong.name, "hint": wrong.hint, "seen": [_fields(s) for s in wrong.seen]}
                for wrong in self.known
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Sheet:
        """Read what `to_json` wrote."""

        def read(fields: dict[str, Any]) -> dict[str, Any]:
            return {key: plain.from_json(value) for key, value in fields.items()}

        rules = {key: tuple(v) if isinstance(v, list) else v for key, v in data["rules"].items()}
        cases = [read({k: case[k] for k in ("label", "args", "kwargs")}) for case in data["cases"]]
        return cls(
            exercise=data["exercise"],
            driver=data["driver"],
            view=data["view"],
            rules=Rules(**rules),
            tolerance=data["tolerance"],
            hints=tuple(data["hints"]),
            cases=tuple(Case(**case) for case in cases),
            expected=tuple(Expected(**read(case["expected"])) for case in data["cases"]),
            known=tuple(
                Known(
                    w["name"],
                    w["hint"],
                    lambda seen=w["seen"]: tuple(Seen(**read(s)) for s in seen),
                )
                for w in data["misconceptions"]
            ),
        )


def _fields(record: Expected | Seen) -> dict[str, Any]:
    return {key: plain.to_json(value) for key, value in vars(record).items()}


def observe(outcome: Outcome, case: Case, view: str) -> Seen:
    """Reduce an outcome to what a sheet keeps of it."""
    changed = tuple(
        index
        for index, (before, after) in enumerate(zip(case.args, outcome.args))
        if not same(before, after)
    )
    if outcome.error:
        return Seen(None, outcome.error.type, changed)
    try:
        return Seen(VIEWS[view](outcome.value), None, changed)
    except (TypeError, KeyError, ValueError, AttributeError, IndexError, RuntimeError):
        return Seen(outcome.value, None, changed)


def same(a: Any, b: Any) -> bool:
    """Whether two pieces of plain data are exactly equal (NaN equals NaN)."""
    pairs = list(zip(plain.leaves(a), plain.leaves(b)))
    return len(list(plain.leaves(a))) == len(list(plain.leaves(b))) and all(
        where == place
        and (
            torch.equal(x.nan_to_num(), y.nan_to_num()) and x.dtype == y.dtype
            if isinstance(x, torch.Tensor) and isinstance(y, torch.Tensor)
            else type(x) is type(y) and x == y
        )
        for (where, x), (place, y) in pairs
    )


def new_seed() -> int:
    """The seed of the hidden cases: COURSE_HIDDEN_SEED, or fresh randomness."""
    given = os.environ.get("COURSE_HIDDEN_SEED")
    return int(given) if given else int.from_bytes(os.urandom(4), "little")


class Draw:
    """Fresh random inputs for hidden cases, all from one seed.

    >>> Draw(0).normal(2, 3).shape
    torch.Size([2, 3])
    """

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(
        self, *shape: int, scale: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Normal numbers of mean 0."""
        return scale * torch.randn(shape, generator=self.generator, dtype=dtype)

    def uniform(
        self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Uniform numbers in [low, high)."""
        return low + (high - low) * torch.rand(shape, generator=self.generator, dtype=dtype)

    def integers(self, *shape: int, low: int = 0, high: int) -> torch.Tensor:
        """Integers from low to high − 1."""
        return torch.randint(low, high, shape, generator=self.generator)

    def signs(self, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """−1 or +1."""
        return (2 * self.integers(*shape, high=2) - 1).to(dtype)

    def number(self, low: float, high: float) -> float:
        """One Python number, rounded so that it reads well in a message."""
        return round(self.uniform(low=low, high=high, dtype=torch.float64).item(), 3)

    def integer(self, low: int, high: int) -> int:
        """One Python integer from low to high − 1."""
        return int(self.integers(low=low, high=high))
