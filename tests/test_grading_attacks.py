"""The attacks, all in one batch with honest submissions among them."""

from __future__ import annotations

import copy
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

import course as course_package
from tests import classroom
from tests.attacks import ATTACKS, HONEST_TOO

HONEST = [f"honest-{number}" for number in range(3)]
LIMITS = {"cell": 3.0, "call": 3.0, "submission": 25.0, "grace": 1.0}


@dataclass
class Batch:
    """What one run over all attacks left behind."""

    course: Path
    students: dict[str, Any]
    gradebook: dict[str, Any]
    calls: list[bytes]
    seconds: float
    changed: list[str]


def lean(notebook: NotebookNode) -> NotebookNode:
    """The notebook without its demonstrations."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader") or cell.source.startswith("import torch")
    ]
    return notebook


def attacked(notebook: NotebookNode, attack: Any, course: Path, port: int) -> NotebookNode:
    """The notebook with an attack in it."""
    if callable(attack):
        return attack(copy.deepcopy(notebook))
    source = attack.replace("COURSE", str(course)).replace("PORT", str(port))
    return classroom.answer(notebook, {"mse": f"import torch\n{source}"})


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batch]:
    course = classroom.make_course(tmp_path_factory.mktemp("attacked"))
    classroom.set_limits(course, **LIMITS)
    hidden = course / "tests" / "hidden" / f"{classroom.ASSIGNMENT}.py"
    hidden.write_text(hidden.read_text() + "\n# CANARY-hidden\nSECRET = 'CANARY-' + 'memory'\n")
    (course / "CANARY-file").write_text("CANARY-file")
    notebook = lean(classroom.released(course))
    calls: list[bytes] = []
    with listening(calls) as port:
        for name, attack in ATTACKS.items():
            classroom.submit(course, name, attacked(notebook, attack, course, port))
        for student in HONEST:
            solved = classroom.answer(notebook, classroom.solutions(course))
            solved.cells.append(nbformat.v4.new_code_cell(f"# CANARY-{student}"))
            classroom.submit(course, student, solved)
        before = fingerprints(course)
        start = time.monotonic()
        environment = {"CANARY": "CANARY-environment"}
        report = classroom.run_grade(course, env=environment, timeout=1200)
        seconds = time.monotonic() - start
    after = fingerprints(course)
    changed = sorted(path for path in before if after.get(path) != before[path])
    book = classroom.gradebook(course)
    yield Batch(course, report["students"], book, calls, seconds, changed)


def listening(calls: list[bytes]) -> Any:
    """A server on loopback that notes who talks to it."""
    import contextlib

    @contextlib.contextmanager
    def serve() -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def accept() -> None:
                while True:
                    try:
                        with server.accept()[0] as client:
                            calls.append(client.recv(100))
                    except OSError:
                        return

            threading.Thread(target=accept, daemon=True).start()
            yield server.getsockname()[1]

    return serve()


def fingerprints(course: Path) -> dict[str, str]:
    """Digests of what submissions must not change: the course, its code, and Python's own."""
    watched = [course / part for part in ("solutions", "assignments", "tests", "submitted")]
    watched += [Path(course_package.__file__), Path(os.__file__)]
    files = [f for w in watched for f in ([w] if w.is_file() else w.rglob("*")) if f.is_file()]
    files = [file for file in files if file.suffix in (".py", ".ipynb", ".json")]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("name", ATTACKS)
def test_gains_nothing(batch: Batch, name: str) -> None:
    entry = batch.students[name]
    got = {test: v["points"] for test, v in entry["tests"].items() if v["points"]}
    assert got == ({"test_mse": 1.0} if name in HONEST_TOO else {}), entry["tests"]
    assert entry["score"] == sum(got.values())
    assert entry["error"] is None
    assert batch.gradebook[name]["score"] == entry["score"]


@pytest.mark.parametrize("name", ATTACKS)
def test_finds_no_secret(batch: Batch, name: str) -> None:
    path = batch.course / "autograded" / name / classroom.ASSIGNMENT
    graded = nbformat.read(path / f"{classroom.ASSIGNMENT}.ipynb", 4)
    assert "CANARY-" not in str([cell.get("outputs") for cell in graded.cells])
    messages = [test["message"] for test in batch.students[name]["tests"].values()]
    assert "CANARY-" not in str(messages)


def test_honest_ones_get_their_points(batch: Batch) -> None:
    for student in HONEST:
        tests = batch.students[student]["tests"]
        assert {test["status"] for test in tests.values()} == {"passed"}
        assert batch.students[student]["score"] == sum(test["max"] for test in tests.values())


def test_reaches_nobody_and_changes_nothing(batch: Batch) -> None:
    assert batch.calls == []
    assert batch.changed == []
    assert not list(batch.course.rglob("*ATTACKED*"))
    assert not (batch.course / "CANARY-pickle").exists()


def test_time_is_bounded(batch: Batch) -> None:
    assert batch.seconds < len(ATTACKS) * 10


@pytest.mark.parametrize("name", [name for name in ATTACKS if name.startswith("script_in")])
def test_nothing_active_is_shown(batch: Batch, name: str) -> None:
    classroom.command(batch.course, "feedback", classroom.ASSIGNMENT, "--student", name)
    folder = batch.course / "feedback" / name / classroom.ASSIGNMENT
    page = (folder / f"{classroom.ASSIGNMENT}.html").read_text()
    assert active_parts(page) == []
    assert "hidden_check" not in page


def active_parts(page: str) -> list[str]:
    """The tags and attributes of a page that could run something or fetch something."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag in ("script", "iframe", "object", "embed", "form", "svg", "link"):
                found.append(tag)
            for name, value in attributes:
                fetched = name == "src" and not str(value).startswith("data:")
                if name.startswith("on") or fetched or "javascript:" in str(value):
                    found.append(f"{tag} {name}={value}")

    Reader().feed(page)
    return found
