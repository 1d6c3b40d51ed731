"""`course grade` beside stock `nbgrader autograde`, on the released `regression_losses`.

python tests/bench/bench_grading.py [SUBMISSIONS [LARGEST]]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests import classroom
from tests.bench.bench_attacks import STOCK

HANGS = "def mse(pred, target):\n    while True:\n        pass"
NBGRADER = [sys.executable, "-m", "nbgrader"]
STOCK_SAMPLE = 4
"""Stock takes so long that it gets some of the honest submissions; each costs it the same."""


def make_class(folder: Path, count: int, hanging: int = 2) -> Path:
    """Correct, wrong and untouched submissions in turn; the last ones hang."""
    course = classroom.make_course(folder)
    notebook, full = classroom.released(course), classroom.solutions(course)
    for number in range(count):
        wrong = full | {"mse": full["mse"].replace("mean()", "sum()")}
        answers = [full, wrong, {}][number % 3]
        if number >= count - hanging:
            answers = full | {"mse": HANGS}
        content = classroom.answer(notebook, answers)
        content.cells.append(mark(number))
        classroom.submit(course, f"student-{number:03d}", content)
    register(course)
    return course


def register(course: Path) -> None:
    """Let the gradebook know the assignment, as it does wherever one has been released."""
    scratch = f"--CourseDirectory.release_directory={course / 'scratch'}"
    subprocess.run(
        [*NBGRADER, "generate_assignment", classroom.ASSIGNMENT, scratch],
        cwd=course,
        env=classroom.environment(course),
        capture_output=True,
        check=True,
    )


def mark(number: int) -> NotebookNode:
    """A cell that makes a submission like no other, so that no result is found in the cache."""
    return new_code_cell(f"submission = {number}")


def measured(command: list[str], course: Path) -> tuple[float, float]:
    """Seconds, and the greatest memory (MB, shared pages counted once) of all its processes."""
    start, peak, over = time.perf_counter(), 0.0, threading.Event()
    process = subprocess.Popen(
        command,
        cwd=course,
        env=classroom.environment(course),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def watch() -> None:
        nonlocal peak
        while not over.wait(1.0):
            peak = max(peak, memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    over.set()
    watcher.join()
    return time.perf_counter() - start, peak


def memory(pid: int) -> float:
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total / 2**20


def ours(course: Path, *options: str) -> tuple[float, float]:
    command = [str(Path(sys.executable).parent / "course"), "grade", classroom.ASSIGNMENT]
    return measured([*command, *options], course)


def stock(course: Path) -> tuple[float, float]:
    (course / "nbgrader_config.py").write_text(STOCK)
    result = measured([*NBGRADER, "autograde", classroom.ASSIGNMENT], course)
    graded = len(list(course.glob("autograded/*/*/*.ipynb")))
    if graded != len(list(course.glob("submitted/*"))):
        raise RuntimeError(f"stock nbgrader graded only {graded} submissions")
    return result


def main(count: int = 40, largest: int = 300) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        theirs, their_peak = stock(make_class(root / "stock", STOCK_SAMPLE, hanging=0))
        honest, _ = ours(make_class(root / "honest", count - 2, hanging=0))
        whole, peak = ours(make_class(root / "whole", count))
        again, _ = ours(root / "whole")
        print("| | submissions | seconds | seconds each | peak memory |\n|---|---|---|---|---|")
        row("stock nbgrader autograde, honest ones", STOCK_SAMPLE, theirs, their_peak)
        row("course grade, honest ones", count - 2, honest)
        row("course grade, with two that hang", count, whole, peak)
        row("course grade, the same once more", count, again)
        ratio = (theirs / STOCK_SAMPLE) / (honest / (count - 2))
        print(f"\ncourse grade is {ratio:.1f} times as fast on honest submissions\n")
        print("| submissions | seconds | seconds each |\n|---|---|---|")
        for size in (10, 30, 100, 300):
            if size <= largest:
                seconds, _ = ours(make_class(root / str(size), size, hanging=0))
                print(f"| {size} | {seconds:.1f} | {seconds / size:.2f} |", flush=True)


def row(label: str, count: int, seconds: float, peak: float | None = None) -> None:
    size = f"{peak:,.0f} MB" if peak else ""
    print(f"| {label} | {count} | {seconds:.1f} | {seconds / count:.2f} | {size} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
