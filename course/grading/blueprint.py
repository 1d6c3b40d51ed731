"""What an assignment's notebook is, as nbgrader's gradebook knows it: the trusted source."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.coursedir import CourseDirectory

HIDDEN = re.compile(r"^[^\n]*BEGIN HIDDEN TESTS.*?END HIDDEN TESTS[^\n]*\n?", re.S | re.M)


class UnknownAssignment(LookupError):
    """The gradebook does not know an assignment."""


@dataclass(frozen=True)
class Part:
    """One cell with an nbgrader name."""

    name: str
    kind: str
    source: str
    checksum: str | None
    locked: bool
    grade: bool
    solution: bool
    task: bool
    points: float

    def metadata(self) -> dict[str, Any]:
        """The cell's `nbgrader` metadata."""
        data = {
            "grade": self.grade,
            "grade_id": self.name,
            "locked": self.locked,
            "solution": self.solution,
            "task": self.task,
            "cell_type": self.kind,
            "checksum": self.checksum,
            "schema_version": 3,
        }
        return data | ({"points": self.points} if self.grade or self.task else {})

    def released(self) -> str:
        """The source as students got it, without hidden tests."""
        return HIDDEN.sub("", self.source).strip()


@dataclass(frozen=True)
class Blueprint:
    """The named cells of one notebook, in order."""

    parts: tuple[Part, ...]
    kernelspec: dict[str, str]


def read(
    gradebook: Gradebook, coursedir: CourseDirectory, assignment: str, notebook: str
) -> Blueprint:
    """The blueprint of a notebook, in the order of its release; raises UnknownAssignment."""
    try:
        found = gradebook.find_notebook(notebook, assignment)
    except MissingEntry:
        raise UnknownAssignment(
            f"the gradebook knows no notebook `{notebook}` of an assignment `{assignment}`. "
            f"Release it first: course release {assignment}"
        ) from None
    points = {cell.name: cell.max_score for cell in [*found.grade_cells, *found.task_cells]}
    grades = {cell.name for cell in found.grade_cells}
    tasks = {cell.name for cell in found.task_cells}
    solutions = {cell.name for cell in found.solution_cells} | tasks
    parts = tuple(
        Part(
            name=cell.name,
            kind=cell.cell_type,
            source=cell.source,
            checksum=cell.checksum,
            locked=bool(cell.locked),
            grade=cell.name in grades,
            solution=cell.name in solutions - tasks,
            task=cell.name in tasks,
            points=points.get(cell.name, 0.0),
        )
        for cell in found.source_cells
    )
    order = _released_order(coursedir, assignment, notebook)
    parts = tuple(sorted(parts, key=lambda part: order.get(part.name, len(order))))
    kernelspec = json.loads(found.kernelspec) if found.kernelspec else {}
    standard = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return Blueprint(parts, kernelspec or standard)


def _released_order(coursedir: CourseDirectory, assignment: str, notebook: str) -> dict[str, int]:
    """The places of named cells in the released notebook; empty where there is none."""
    folder = coursedir.format_path(coursedir.release_directory, ".", assignment)
    with suppress(OSError, ValueError, KeyError, TypeError):
        cells = json.loads(Path(folder, f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
        names = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells]
        return {name: place for place, name in enumerate(names) if name}
    return {}
