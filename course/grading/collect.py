"""From nbgrader's folders to jobs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory

from course.grading.doctor import Hopeless
from course.grading.job import IDLE, LOCKED, TEST, THEIRS, Cell, Job
from course.grading.limits import Limits
from course.grading.names import binds, uses

HIDDEN = Path("tests", "hidden")
OURS = ("timestamp.txt",)
DEMO = "demo"
"""The tag of a released cell that only shows something."""


def job_for(
    coursedir: CourseDirectory,
    notebook: NotebookNode,
    student: str,
    assignment: str,
    seed: int | None,
    limits: Limits,
) -> Job:
    """The job of a mended notebook."""
    folder = _folder(coursedir, "submitted", student, assignment)
    folders = _our_folders(coursedir, assignment)
    release = {k: v for base in folders for k, v in _files(base, limits).items()}
    files = {k: v for k, v in _files(folder, limits).items() if k not in release}
    return Job(
        assignment=assignment,
        cells=_cells(notebook, released_cells(coursedir, assignment)),
        files=files,
        release=release,
        hidden=_hidden(Path(coursedir.root), assignment),
        seed=seed,
        limits=limits,
    )


def submitted_students(coursedir: CourseDirectory, assignment: str) -> list[str]:
    """Everybody who handed something in, in order."""
    pattern = Path(_folder(coursedir, "submitted", "*", assignment))
    places = Path(coursedir.root).glob(str(pattern.relative_to(coursedir.root)))
    position = pattern.parts.index("*")
    return sorted({path.parts[position] for path in places if path.is_dir()})


def submitted_file(
    coursedir: CourseDirectory, student: str, assignment: str, notebook: str
) -> Path:
    """Where a student's notebook should be."""
    return _folder(coursedir, "submitted", student, assignment) / f"{notebook}.ipynb"


def circumstances(
    coursedir: CourseDirectory, gradebook: Gradebook, student: str, assignment: str
) -> str:
    """What nbgrader itself makes of a submission: when it came, and when it was due."""
    stamp = _folder(coursedir, "submitted", student, assignment) / "timestamp.txt"
    came = stamp.read_text(errors="replace").strip() if stamp.is_file() else ""
    return f"{came} {gradebook.find_assignment(assignment).duedate}"


def _our_folders(coursedir: CourseDirectory, assignment: str) -> list[Path]:
    return [_folder(coursedir, kind, ".", assignment) for kind in ("release", "source")]


def _folder(coursedir: CourseDirectory, kind: str, student: str, assignment: str) -> Path:
    step = getattr(coursedir, f"{kind}_directory")
    return Path(os.path.normpath(coursedir.format_path(step, student, assignment)))


def _files(folder: Path, limits: Limits) -> dict[str, bytes]:
    """The other files of a folder; links are not followed."""
    files, size = {}, 0
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = path.relative_to(folder)
        skip = path.suffix == ".ipynb" or str(name) in OURS or any(p[0] in "._" for p in name.parts)
        if skip or path.is_symlink() or not path.is_file():
            continue
        size += path.stat().st_size
        if size > limits.files:
            most = limits.files >> 20
            raise Hopeless(f"the files beside the notebook have more than {most} MB together")
        files[name.as_posix()] = path.read_bytes()
    return files


def _hidden(root: Path, assignment: str) -> dict[str, bytes]:
    """The hidden tests of an assignment, with the files that they share."""
    given = os.environ.get("COURSE_HIDDEN")
    folders = [Path(given)] if given else [base / HIDDEN for base in (root, *root.parents)]
    folder = next((folder for folder in folders if folder.is_dir()), None)
    files = sorted(folder.glob("*.py")) if folder else []
    wanted = [file for file in files if file.stem == assignment or file.name.startswith("_")]
    return {file.name: file.read_bytes() for file in wanted}


def _cells(notebook: NotebookNode, released: dict[str, bool]) -> tuple[Cell, ...]:
    """The code cells, without a role for those that are ours, unchanged, and need not run.

    Those are what follows the last test, and each demonstration of which nothing else uses a name.
    """
    cells = [_cell(cell) for cell in notebook.cells if cell.cell_type == "code"]
    last = max((i for i, cell in enumerate(cells) if cell.role == TEST), default=len(cells))
    needed: set[str] = set()
    for i, cell in reversed(list(enumerate(cells))):
        ours = not cell.name and cell.role == THEIRS and cell.source in released
        if ours and (i > last or (released[cell.source] and not binds(cell.source) & needed)):
            cells[i] = replace(cell, role=IDLE)
        else:
            needed |= uses(cell.source)
    return tuple(cells)


def released_cells(coursedir: CourseDirectory, assignment: str) -> dict[str, bool]:
    """The sources of an assignment's own cells without a name: is it a demonstration?"""
    folders = _our_folders(coursedir, assignment)
    notebooks = [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]
    cells = [c for path in notebooks for c in nbformat.read(path, as_version=4).cells]
    unnamed = [cell for cell in cells if "nbgrader" not in cell.metadata]
    return {cell.source: DEMO in cell.metadata.get("tags", []) for cell in unnamed}


def _cell(cell: Any) -> Cell:
    if utils.is_grade(cell) and not utils.is_solution(cell):
        settings = cell.metadata.nbgrader
        return Cell(TEST, cell.source, settings["grade_id"], float(settings["points"]))
    if utils.is_locked(cell):
        return Cell(LOCKED, cell.source)
    if utils.is_solution(cell):
        settings = cell.metadata.nbgrader
        attempted = settings.get("checksum") != utils.compute_checksum(cell)
        return Cell(THEIRS, cell.source, settings["grade_id"], attempted=attempted)
    return Cell(THEIRS, cell.source)
