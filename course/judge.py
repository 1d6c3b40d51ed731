"""The judgement of an answer: is it right, and if not, which mistake does it look like?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from course.drivers import Outcome, drive
from course.exercises import Case, Expected, Seen, Sheet, observe

PASSED, FAILED, ERROR, TIMEOUT = "passed", "failed", "error", "timeout"
FORBIDDEN, MISSING, NOT_ATTEMPTED = "forbidden", "missing", "not_attempted"

TOLERANCES = {
    torch.float16: (1e-2, 1e-3),
    torch.float32: (1e-4, 1e-6),
    torch.float64: (1e-9, 1e-11),
}
"""(relative, absolute) by dtype: float32 arithmetic in a float64 answer is seen."""
CLOSE = 1e-2
"""An answer that differs by less has the right formula, and something small added or lost."""


@dataclass(frozen=True)
class Verdict:
    """What came of judging one answer."""

    status: str
    message: str = ""
    misconception: str | None = None
    hint: str | None = None
    case: str | None = None

    @property
    def passed(self) -> bool:
        return self.status == PASSED


def judge(sheet: Sheet, answer: Any) -> Verdict:
    """Drive an answer through the cases of a sheet and compare what comes.

    >>> from course.exercises import Exercise, Case
    >>> double = Exercise(
    ...     "double", 1, 1, lambda x: 2 * x, [Case("two ones", (torch.ones(2),))],
    ...     hidden=lambda draw: [], alternatives=[], misconceptions=[], hints=[],
    ... ).visible_sheet()
    >>> judge(double, lambda x: x + x).status
    'passed'
    >>> print(judge(double, lambda x: 6 * x).message)
    case: two ones
    expected: tensor([2., 2.])
    yours: tensor([6., 6.])
    Your answer is 3 times the expected one.
    """
    if not callable(answer):
        what = f"`{sheet.exercise}` is a {type(answer).__name__}; expected a function or class"
        return Verdict(MISSING, f"{what}. Has its name been used for something else?")
    seen: list[Seen] = []
    faults: list[tuple[int, str]] = []
    for index, (case, expected) in enumerate(zip(sheet.cases, sheet.expected)):
        outcome = drive(answer, sheet.driver, case.args, case.kwargs, sheet.rules)
        if verdict := _stopped(sheet, case, expected, outcome):
            return verdict
        seen.append(observe(outcome, case, sheet.view))
        if fault := _fault(case, expected, seen[-1], outcome, sheet.tolerance):
            faults.append((index, fault))
    if not faults:
        return Verdict(PASSED)
    first, message = faults[0]
    relation = _relation([(sheet.expected[i], seen[i].value) for i, _ in faults])
    failed = [index for index, _ in faults]
    name, hint = _recognise(sheet, seen, failed)
    tail = f"It looks like “{name}”: {hint}" if name else relation
    crashed = seen[first].error and not sheet.expected[first].error
    return Verdict(
        ERROR if crashed and not name else FAILED,
        f"case: {sheet.cases[first].label}\n{message}" + (f"\n{tail}" if tail else ""),
        misconception=name,
        hint=hint,
        case=sheet.cases[first].label,
    )


def _stopped(sheet: Sheet, case: Case, expected: Expected, outcome: Outcome) -> Verdict | None:
    """The verdict where no other case needs to be tried."""
    if outcome.forbidden:
        call = f"`{sheet.exercise}` calls {outcome.forbidden}, which does what you are to write"
        return Verdict(FORBIDDEN, f"{call}. Write it with tensor operations.", case=case.label)
    if outcome.late:
        limit = f"no answer within {sheet.rules.seconds:g} seconds"
        return Verdict(TIMEOUT, f"case: {case.label}\ntoo slow: {limit}", case=case.label)
    error = outcome.error
    stub = error and error.type == "NotImplementedError" and not error.message
    if stub and expected.error != "NotImplementedError":
        return Verdict(NOT_ATTEMPTED, f"`{sheet.exercise}` is not written yet.")
    return None


def _fault(
    case: Case, expected: Expected, seen: Seen, outcome: Outcome, tolerance: float
) -> str | None:
    """What is wrong with this one answer, in words, or None."""
    if seen.error and seen.error != expected.error:
        error = outcome.error
        where = f"\nyour line {error.line}: {error.source}" if error.source else ""
        wanted = f"\nexpected: {expected.error}" if expected.error else ""
        return f"{error.type}: {error.message}{where}{wanted}"
    if expected.error and not seen.error:
        return f"expected: a {expected.error}\nyours: {show(seen.value)}"
    if seen.changed:
        number = " and ".join(str(index + 1) for index in seen.changed)
        return f"argument {number} is not the same after the call: work on a copy of it"
    if expected.error:
        return None
    fault = mismatch(expected.low, expected.high, seen.value, tolerance)
    if fault is not None:
        wanted = show(expected.low)
        if not within(expected.low, expected.low, expected.high, tolerance=0):
            wanted += f" to {show(expected.high)}"
        return f"expected: {wanted}\nyours: {show(seen.value)}" + (f"\n{fault}" if fault else "")
    return None


def within(value: Any, low: Any, high: Any, tolerance: float = 1.0) -> bool:
    """Whether plain data lies between `low` and `high`, leaf by leaf."""
    return mismatch(low, high, value, tolerance) is None


def mismatch(low: Any, high: Any, value: Any, tolerance: float = 1.0) -> str | None:
    """Why plain data does not lie between `low` and `high`: '' if its numbers say it all."""
    if isinstance(low, (list, tuple)):
        if not isinstance(value, (list, tuple)):
            return f"expected {len(low)} results together, as a {type(low).__name__}"
        if len(value) != len(low):
            return f"expected {len(low)} results; came {len(value)}"
        parts = [(f"result {i + 1}", *part) for i, part in enumerate(zip(low, high, value))]
    elif isinstance(low, dict):
        if not isinstance(value, dict) or value.keys() != low.keys():
            return "the result has another form"
        parts = [(key, low[key], high[key], value[key]) for key in low]
    else:
        return _leaf_mismatch(low, high, value, tolerance)
    for name, *part in parts:
        if (fault := mismatch(*part, tolerance)) is not None:
            return f"{name}: {fault or f'expected {_range(*part[:2])}, came {show(part[2])}'}"
    return None


def _leaf_mismatch(low: Any, high: Any, value: Any, tolerance: float) -> str | None:
    if value is None and low is not None:
        return "The function gives None: is a `return` missing?"
    if isinstance(low, torch.Tensor):
        return _tensor_mismatch(low, high, value, tolerance)
    if isinstance(low, (str, bool)) or low is None:
        return None if type(value) is type(low) and value == low else ""
    if isinstance(value, torch.Tensor) and value.dim() == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"expected a number; came a {type(value).__name__}"
    if isinstance(low, int):
        return None if low <= value <= high and value == int(value) else ""
    if math.isnan(low) or math.isinf(low):
        return None if value == low or (math.isnan(low) and math.isnan(value)) else ""
    slack = tolerance * (1e-5 * max(abs(low), abs(high)) + 1e-7)
    return None if low - slack <= value <= high + slack else ""


def _tensor_mismatch(
    low: torch.Tensor, high: torch.Tensor, value: Any, tolerance: float
) -> str | None:
    if not isinstance(value, torch.Tensor):
        return f"expected a tensor; came a {type(value).__name__}"
    if value.shape != low.shape:
        also = " (it is transposed)" if value.shape == low.shape[::-1] else ""
        wanted = "a 0-dim tensor" if low.dim() == 0 else f"shape {tuple(low.shape)}"
        return f"expected {wanted}; came shape {tuple(value.shape)}{also}"
    if value.dtype != low.dtype:
        return f"expected dtype {low.dtype}; came {value.dtype}: keep the dtype of the arguments"
    if not low.dtype.is_floating_point:
        return None if bool(((value >= low) & (value <= high)).all()) else ""
    bad = ~value.isfinite() & low.isfinite()
    if bad.any():
        what = "NaN" if value[bad].isnan().any() else "infinite"
        return f"{int(bad.sum())} of {value.numel()} numbers came out {what}"
    rtol, atol = (tolerance * t for t in TOLERANCES.get(low.dtype, (1e-4, 1e-6)))
    ok = (value >= low - atol - rtol * low.abs()) & (value <= high + atol + rtol * high.abs())
    ok |= (value == low) | (value.isnan() & low.isnan())
    return None if ok.all() else ""


def _recognise(sheet: Sheet, seen: list[Seen], failed: list[int]) -> tuple[str | None, str | None]:
    """Name the misconception that agrees with the answer wherever it is wrong itself.

    Of several, the one that explains most of the failed cases, and the first one of those.
    """
    best, found = 0, None
    for wrong in sheet.known:
        differs = [
            index
            for index, (expected, mark) in enumerate(zip(sheet.expected, wrong.seen))
            if not _fits(expected, mark, sheet.tolerance)
        ]
        agrees = all(_alike(wrong.seen[index], seen[index], sheet) for index in differs)
        explained = len(set(differs) & set(failed))
        if differs and agrees and explained > best:
            best, found = explained, wrong
    return (found.name, found.hint) if found else (None, None)


def _fits(expected: Expected, seen: Seen, tolerance: float) -> bool:
    """Whether this is a right answer."""
    if expected.error or seen.error:
        return expected.error == seen.error and not seen.changed
    return not seen.changed and within(seen.value, expected.low, expected.high, tolerance)


def _alike(wrong: Seen, seen: Seen, sheet: Sheet) -> bool:
    """Whether an answer does what a misconception does."""
    if wrong.error or seen.error or wrong.changed != seen.changed:
        return wrong.error == seen.error and wrong.changed == seen.changed
    if sheet.view == "moments":
        return _moments_alike(wrong.value, seen.value)
    return within(seen.value, wrong.value, wrong.value, 10 * sheet.tolerance)


def _moments_alike(a: Any, b: Any) -> bool:
    """Whether two draws are as near to each other as two draws of one distribution are."""
    if not (isinstance(a, dict) and isinstance(b, dict)) or a.keys() != b.keys():
        return False
    scale = math.sqrt(abs(a["mean square"])) + 1e-12
    exact = [key for key, item in a.items() if not isinstance(item, float)]
    return (
        all(a[key] == b[key] for key in exact)
        and abs(a["mean"] - b["mean"]) < 0.1 * scale
        and abs(a["mean square"] - b["mean square"]) < 0.1 * scale**2
        and abs(a["inner"] - b["inner"]) < 0.05
    )


def _relation(answers: list[tuple[Expected, Any]]) -> str | None:
    """One sentence on how all wrong answers differ from the expected ones, if one fits."""
    pairs = [
        (expected.low.double(), value.double())
        for expected, value in answers
        if not expected.error and _comparable(expected, value)
    ]
    if not pairs or len(pairs) < len(answers):
        return None
    if all(torch.allclose(a, b, rtol=1e-6) for a, b in pairs):
        return None
    if all(torch.allclose(a, b, rtol=CLOSE) for a, b in pairs):
        return "Your answer is close, but not as exact as it should be."
    ratios = torch.cat([(b / a).flatten() for a, b in pairs])
    factor = ratios[ratios.isfinite()].median() if ratios.isfinite().any() else torch.tensor(0.0)
    relations: list[tuple[str, Callable]] = [
        ("The sign is the other way round.", lambda a: -a),
        (f"Your answer is {factor.item():.4g} times the expected one.", lambda a: factor * a),
        ("Your answer is 0 where it should not be.", lambda a: 0 * a),
        ("Your answer is transposed.", lambda a: a.T if a.dim() == 2 else a),
        ("Your answer is the square of the expected one.", lambda a: a**2),
        ("Your answer is the square root of the expected one.", lambda a: a.sqrt()),
    ]
    for sentence, change in relations:
        changed = [(change(a), b) for a, b in pairs]
        if all(c.shape == b.shape and torch.allclose(b, c, rtol=1e-4) for c, b in changed):
            return sentence
    offsets = torch.cat([(b - a).flatten() for a, b in pairs])
    if torch.allclose(offsets, offsets[0], rtol=1e-4):
        return f"Your answer is the expected one plus {offsets[0].item():.4g}."
    if len(pairs) == 1:
        return None
    firsts = [(b / a).flatten() for a, b in pairs]
    if all(r.isfinite().all() and torch.allclose(r, r[0], rtol=1e-4) for r in firsts):
        factors = ", ".join(f"{r[0].item():.4g}" for r in firsts[:3])
        return (
            f"Your answer is {factors} … times the expected one: a factor that depends on the "
            "arguments. Is it their number of elements, or a parameter?"
        )
    return None


def _comparable(expected: Expected, value: Any) -> bool:
    return (
        isinstance(expected.low, torch.Tensor)
        and isinstance(value, torch.Tensor)
        and expected.low.shape == value.shape
        and expected.low.numel() > 0
        and expected.low.is_floating_point()
    )


def _range(low: Any, high: Any) -> str:
    return (
        show(low)
        if within(low, low, high, 0) and within(high, low, low, 0)
        else (f"{show(low)} to {show(high)}")
    )


def show(value: Any) -> str:
    """A short text of plain data."""
    if isinstance(value, torch.Tensor):
        if value.numel() > 12:
            return f"{str(value.flatten()[:6])[:-2]}, …], shape={tuple(value.shape)})"
        return str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(show(item) for item in value[:6]) + (", …" if len(value) > 6 else "")
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {show(item)}" for key, item in value.items())
    return repr(value)
