"""The attacks against stock nbgrader and against `course grade`: what each of them gets.

Run on a machine that may be thrown away: stock nbgrader has no sandbox, so attacks that use up
the machine or kill what they can reach are left out on its side (see NOT_WITHOUT_A_SANDBOX).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests import classroom
from tests.attacks import ATTACKS, HONEST_TOO, THEMES, resources
from tests.test_grading_attacks import LIMITS, attacked, lean, listening

NOT_WITHOUT_A_SANDBOX = {
    *(name for name in resources.ATTACKS if name not in ("exit", "exit_in_call")),
    *("other_processes", "write_files", "read_memory", "mounts_and_capabilities"),
    *("wide_value", "huge_value", "deep_value", "slow_frame", "half_frame", "read_files"),
    *("error_with_huge_message", "read_course", "lying_generator", "atexit_and_del"),
}
LONGEST = 120
"""Seconds after which an attack has kept stock nbgrader from grading."""
STOCK = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.Execute.timeout = 20
"""


def prepare(folder: Path, names: Iterable[str]) -> Path:
    """A course in which these attacks were handed in."""
    course = classroom.make_course(folder)
    classroom.set_limits(course, **LIMITS)
    (course / "CANARY-file").write_text("CANARY-file")
    hidden = course / "tests" / "hidden" / f"{classroom.ASSIGNMENT}.py"
    hidden.write_text(hidden.read_text() + "\n# CANARY-hidden\n")
    notebook = lean(classroom.released(course))
    calls: list[bytes] = []
    with listening(calls) as port:
        for name in names:
            classroom.submit(course, name, attacked(notebook, ATTACKS[name], course, port))
    return course


def outcome(course: Path, name: str, book: dict) -> str:
    """What an attack got: points, a secret, nothing; or it was not graded at all."""
    path = course / "autograded" / name / classroom.ASSIGNMENT / f"{classroom.ASSIGNMENT}.ipynb"
    if name not in book or not path.is_file():
        return "not graded"
    earned = 1.0 if name in HONEST_TOO else 0.0
    if book[name]["score"] > earned:
        return f"{book[name]['score'] - earned:g} points"
    outputs = [cell.get("outputs") for cell in nbformat.read(path, 4).cells]
    return "a secret" if "CANARY-" in str(outputs) else "-"


def stock(folder: Path) -> dict[str, str]:
    """Outcomes under stock nbgrader."""
    names = [name for name in ATTACKS if name not in NOT_WITHOUT_A_SANDBOX]
    course = prepare(folder, names)
    (course / "nbgrader_config.py").write_text(STOCK)
    nbgrader(course, "generate_assignment", "--force")
    for name in names:  # one by one: what ends nbgrader itself would leave the rest ungraded
        nbgrader(course, "autograde", "--student", name)
    book = classroom.gradebook(course)
    return {name: outcome(course, name, book) for name in names}


def nbgrader(course: Path, command: str, *options: str) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-m", "nbgrader", command, classroom.ASSIGNMENT, *options],
            cwd=course,
            env=classroom.environment(course),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST,
        )


def ours(folder: Path) -> dict[str, str]:
    """Outcomes under `course grade`."""
    course = prepare(folder, ATTACKS)
    classroom.run_grade(course)
    book = classroom.gradebook(course)
    return {name: outcome(course, name, book) for name in ATTACKS}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        mine = ours(Path(folder, "ours"))
        theirs = stock(Path(folder, "stock"))
    print("| attack | stock nbgrader | course grade |\n|---|---|---|")
    for theme in THEMES:
        for name in theme.ATTACKS:
            print(f"| {name} | {theirs.get(name, 'not tried')} | {mine[name]} |")
    tried = len(theirs)
    for label, table in (("stock", theirs), ("course grade", mine)):
        got = [value for value in table.values() if value != "-"]
        points = sum("points" in value for value in got)
        secrets = sum(value == "a secret" for value in got)
        lost = sum(value == "not graded" for value in got)
        print(
            f"{label}: {len(table)} tried, {points} gained points, {secrets} found a secret, "
            f"{lost} left ungraded"
        )
    print(f"({len(ATTACKS) - tried} of {len(ATTACKS)} were not tried without a sandbox)")


if __name__ == "__main__":
    main()
