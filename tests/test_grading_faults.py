"""Faults: killed graders, full disks, broken files, two graders, an interrupt, a lost worker."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell

from tests import classroom
from tests.test_grading_attacks import lean

STUDENTS = 5
KILLS = 6
GRADE = [str(Path(sys.executable).parent / "course"), "grade", classroom.ASSIGNMENT, "--jobs", "2"]


def small_class(course: Path) -> Path:
    """A course with a few submissions of different quality."""
    classroom.make_course(course)
    notebook, full = lean(classroom.released(course)), classroom.solutions(course)
    names = [name for name in full if name != "explain"]
    for number in range(STUDENTS):
        answers = {name: full[name] for name in names[number:]}
        classroom.submit(course, f"student-{number}", classroom.answer(notebook, answers))
    return course


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict, dict]]:
    """A class that was graded without any trouble: course, report, gradebook."""
    course = small_class(tmp_path_factory.mktemp("calm"))
    report = classroom.run_grade(course, timeout=600)
    yield course, report, classroom.gradebook(course)


def start(course: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*GRADE, *options],
        cwd=course,
        env=classroom.environment(course),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_until_gone(processes: list[psutil.Process], seconds: float = 20) -> None:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not alive, f"still there: {alive}"


def test_killed_again_and_again_it_ends_with_the_same_gradebook(
    graded: tuple[Path, dict, dict], tmp_path: Path
) -> None:
    course = small_class(tmp_path)
    chance = random.Random(0)
    for _ in range(KILLS):
        process = start(course)
        deadline = time.monotonic() + chance.uniform(1, 9)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None:
            family = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            wait_until_gone(family)
        process.wait()
        process.stdout.close()
    assert classroom.run_grade(course, timeout=600)["students"] == graded[1]["students"]
    assert classroom.gradebook(course) == graded[2]


def test_an_interrupt_ends_cleanly_and_keeps_what_was_graded(
    graded: tuple[Path, dict, dict], tmp_path: Path
) -> None:
    course = small_class(tmp_path)
    process = start(course, "--json", str(tmp_path / "part.json"))
    while process.poll() is None and not list(course.glob("autograded/*/*/*.ipynb")):
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in output
    assert "Interrupted" in output
    wait_until_gone(family)
    part = json.loads((tmp_path / "part.json").read_text())["students"]
    assert part.items() <= graded[1]["students"].items()
    assert classroom.run_grade(course, timeout=600)["students"] == graded[1]["students"]
    assert classroom.gradebook(course) == graded[2]


def test_two_graders_at_once(graded: tuple[Path, dict, dict], tmp_path: Path) -> None:
    course = small_class(tmp_path)
    both = [start(course), start(course)]
    outputs = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert classroom.gradebook(course) == graded[2]


def broken() -> dict[str, bytes | None]:
    """Files that are no notebooks, and what is to be said of each."""
    return {
        "empty": b"",
        "binary": bytes(range(256)) * 10,
        "cut": b'{"cells": [{"cell_type": "code", "sour',
        "list": b"[1, 2, 3]",
        "huge": b" " * (40 << 20),
        "deep": b"[" * 100_000,
        "no_cells": b'{"cells": [], "nbformat": 4}',
        "missing": None,
    }


def test_broken_submissions_get_a_line_and_stop_nobody(tmp_path: Path) -> None:
    course = classroom.make_course(tmp_path)
    notebook, full = lean(classroom.released(course)), classroom.solutions(course)
    solved = classroom.answer(notebook, full)
    for student, raw in broken().items():
        path = classroom.submit(course, student, raw or b"")
        if raw is None:
            path.unlink()
    old = nbformat.v3.new_notebook()
    old["worksheets"] = [
        {"cells": [{**cell, "input": cell.source} for cell in solved.cells], "metadata": {}}
    ]
    text = nbformat.writes(solved)
    many = classroom.answer(notebook, full)
    many.cells += [new_code_cell("x = 1") for _ in range(1000)]
    readable = {
        "old": json.dumps(old).encode(),
        "utf-16": text.encode("utf-16"),
        "bom": text.encode("utf-8-sig"),
        "thousand_cells": many,
        "fine": solved,
    }
    for student, content in readable.items():
        classroom.submit(course, student, content)
    linked = course / "submitted" / "linked" / classroom.ASSIGNMENT
    linked.mkdir(parents=True)
    (linked / f"{classroom.ASSIGNMENT}.ipynb").symlink_to("/dev/zero")
    report = classroom.run_grade(course, timeout=600)
    for student in [*broken(), "linked"]:
        entry = report["students"][student]
        assert entry["error"], student
        assert (entry["score"], entry["tests"]) == (0, {})
    for student in readable:
        entry = report["students"][student]
        assert (entry["score"], entry["error"]) == (18, None), (student, entry)
    book = classroom.gradebook(course)
    assert {student for student in book if book[student]["score"]} == set(readable)


def in_world(course: Path, *mounts: str, script: str = "") -> subprocess.CompletedProcess[str]:
    """Run the grader where some folders are mounted otherwise."""
    grade = " ".join([*GRADE, "--json", "/dev/shm/report.json"])
    command = ["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/dev/shm", *mounts]
    return subprocess.run(
        [*command, "sh", "-c", f"{script} {grade}; cat /dev/shm/report.json"],
        cwd=course,
        env=classroom.environment(course),
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.parametrize("room", [40, 200, 260])
def test_a_full_disk_is_named_and_mended_by_another_run(
    graded: tuple[Path, dict, dict], tmp_path: Path, room: int
) -> None:
    course = small_class(tmp_path / "course")
    small = tmp_path / "small"
    small.mkdir()
    size = sum(file.stat().st_size for file in course.rglob("*") if file.is_file()) + (room << 10)
    result = in_world(
        course,
        *("--size", str(size), "--tmpfs", str(small)),
        script=f"cp -r {course}/. {small} && cd {small} &&",
    )
    assert "Traceback" not in result.stderr
    said = result.stdout[:3000] + result.stderr
    assert "No space left" in said or "disk is full" in said
    assert classroom.run_grade(course)["students"] == graded[1]["students"]


def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    course = small_class(tmp_path)
    result = in_world(course, "--ro-bind", str(course), str(course))
    assert "Traceback" not in result.stderr + result.stdout
    assert f"{course} cannot be used" in result.stderr
    assert "Can it be written" in result.stderr


@pytest.fixture
def dask_cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and three workers on loopback, each with a disk of its own."""
    address_file = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli"]
    processes = [
        subprocess.Popen(
            [
                *dask[:2],
                "distributed.cli.dask_scheduler",
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--no-dashboard",
                "--scheduler-file",
                str(address_file),
            ],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    ]
    try:
        deadline = time.monotonic() + 60
        while not address_file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        address = json.loads(address_file.read_text())["address"]
        for number in range(3):
            disk = tmp_path / f"worker-{number}"
            disk.mkdir()
            processes.append(
                subprocess.Popen(
                    [
                        *dask[:2],
                        "distributed.cli.dask_worker",
                        address,
                        "--nthreads",
                        "1",
                        "--no-nanny",
                        "--no-dashboard",
                        "--host",
                        "127.0.0.1",
                        "--local-directory",
                        str(disk),
                    ],
                    cwd=disk,
                    env=classroom.environment(disk),
                    start_new_session=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_cluster_loses_a_worker_and_nothing_else(
    graded: tuple[Path, dict, dict], dask_cluster: tuple[str, list[Any]], tmp_path: Path
) -> None:
    address, workers = dask_cluster
    course = small_class(tmp_path / "course")
    process = start(course, "--dask", address, "--json", str(tmp_path / "report.json"))
    while process.poll() is None and not list(course.glob("autograded/*/*/*.ipynb")):
        time.sleep(0.05)
    workers[0].kill()
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["students"] == graded[1]["students"]
    assert classroom.gradebook(course) == graded[2]


def test_no_cluster_is_named(graded: tuple[Path, dict, dict], tmp_path: Path) -> None:
    course = tmp_path / "course"
    shutil.copytree(graded[0], course, ignore=shutil.ignore_patterns(".cache", "autograded"))
    result = classroom.command(
        course, "grade", classroom.ASSIGNMENT, "--dask", "tcp://127.0.0.1:9", timeout=120
    )
    assert result.returncode == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in result.stderr
    assert os.linesep + "Traceback" not in result.stderr
