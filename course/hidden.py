"""The hidden tests: found by path on the instructor's machine, never part of a release."""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from course.checks import CheckFailed
from course.exercises import Exercise, new_seed
from course.judge import judge


def hidden_check(exercise: str, answer: Any) -> None:
    """Try an answer on fresh hidden cases; raises `CheckFailed` with what it found."""
    verdict = judge(find(exercise).hidden_sheet(new_seed()), answer)
    if not verdict.passed:
        raise CheckFailed(exercise, "hidden", verdict)


def find(exercise: str) -> Exercise:
    """The description of an exercise; the file named as the current folder is read first."""
    folder = hidden_folder()
    here = Path.cwd().name
    for file in sorted(folder.glob("[!_]*.py"), key=lambda file: (file.stem != here, file.stem)):
        for description in load(file):
            if description.name == exercise:
                return description
    raise LookupError(f"no exercise `{exercise}` in {folder}; is its name spelled as there?")


def hidden_folder() -> Path:
    """The folder of hidden tests: COURSE_HIDDEN, or tests/hidden in a folder above."""
    given = os.environ.get("COURSE_HIDDEN")
    candidates = [Path(given)] if given else []
    candidates += [folder / "tests" / "hidden" for folder in (Path.cwd(), *Path.cwd().parents)]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        "the hidden tests were not found: expected a folder tests/hidden above "
        f"{Path.cwd()}; set COURSE_HIDDEN to its path"
    )


def load(file: Path) -> list[Exercise]:
    """The list EXERCISES of one file of hidden tests."""
    return _load(file.resolve(), file.stat().st_mtime_ns)


@lru_cache
def _load(file: Path, _changed: int) -> list[Exercise]:
    spec = importlib.util.spec_from_file_location(f"hidden_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EXERCISES
