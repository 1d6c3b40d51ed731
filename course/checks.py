"""The learner's side of the exercises: `check("mse", mse)`, `hint("mse")`, `ready(mse, mae)`.

The cases come from `checks.json` beside the notebook: inputs, expected values and the values
that well-known mistakes give there. It holds no code.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from course.exercises import Sheet
from course.judge import NOT_ATTEMPTED, Verdict, judge

_hints_given: Counter[str] = Counter()


class CheckFailed(Exception):
    """A check that did not pass; Jupyter shows its message and no traceback."""

    def __init__(self, exercise: str, kind: str, verdict: Verdict) -> None:
        sign = "○" if verdict.status == NOT_ATTEMPTED else "✗"
        super().__init__(f"{sign} {exercise}, {kind} check: {verdict.status}\n{verdict.message}")
        self.exercise = exercise
        self.status = verdict.status
        self.message = verdict.message
        self.misconception = verdict.misconception

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


def check(exercise: str, answer: Any) -> None:
    """Try your answer on the visible cases; raises `CheckFailed` with what it found.

    Ends with "visible checks passed": the grader has further cases.
    """
    verdict = judge(visible_sheet(exercise), answer)
    if not verdict.passed:
        raise CheckFailed(exercise, "visible", verdict)
    print(f"✓ {exercise}: visible checks passed")


def hint(exercise: str) -> None:
    """Print the next hint for an exercise, from a nudge to nearly the answer."""
    hints = visible_sheet(exercise).hints
    number = _hints_given[exercise] % len(hints)
    _hints_given[exercise] += 1
    print(f"Hint {number + 1} of {len(hints)}: {hints[number]}")


def ready(*answers: Callable) -> bool:
    """Whether all these functions pass their visible checks; says which do not yet.

    For cells that use what was written before, such as plots and trainings.
    """
    missing = [a.__name__ for a in answers if not judge(visible_sheet(a.__name__), a).passed]
    if missing:
        print(f"This works once {', '.join(missing)} passed the visible checks.")
    return not missing


def visible_sheet(exercise: str) -> Sheet:
    """The visible cases of an exercise, from the nearest `checks.json`.

    Looks beside the notebook, then in `assignments/` of the folders above.
    """
    here = Path.cwd()
    files = [here / "checks.json"]
    for folder in (here, *here.parents):
        files += sorted(folder.glob("assignments/*/checks.json"))
    for file in files:
        if file.is_file() and exercise in (sheets := _sheets(file, file.stat().st_mtime_ns)):
            return sheets[exercise]
    raise FileNotFoundError(
        f"no checks for `{exercise}` were found: expected a file checks.json beside the notebook. "
        "Open the notebook in its own folder, or fetch the assignment again."
    )


@lru_cache
def _sheets(file: Path, _changed: int) -> dict[str, Sheet]:
    data = json.loads(file.read_text(encoding="utf-8"))
    return {item["exercise"]: Sheet.from_json(item) for item in data["exercises"]}
