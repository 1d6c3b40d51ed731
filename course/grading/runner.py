"""The batch: prepares jobs, has them graded side by side, and records them one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry

from course.grading import blueprint, cache, collect
from course.grading.doctor import Hopeless, mend, read
from course.grading.gradebook import Course, NotRecorded
from course.grading.job import TEST, Job
from course.grading.station import end_shared, shared_station

Submit = Callable[[Job], Future]


@dataclass
class Entry:
    """What the report says about one student."""

    student: str
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    error: str | None = None
    score: float = 0.0
    max_score: float = 0.0
    late_penalty: float = 0.0
    unsafe: bool = False


@dataclass
class Work:
    """One submission that is not recorded yet."""

    student: str
    repairs: list[str]
    job: Job
    digest: str


def grade(
    course: Course,
    assignment: str,
    students: Iterable[str] = (),
    jobs: int | None = None,
    cluster: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Entry]:
    """Grade an assignment's submissions and yield an entry for each as it is recorded.

    Raises UnknownAssignment, ReleaseFailed, SandboxUnavailable.
    """
    course.register(assignment)
    with course.gradebook() as gradebook:
        notebook = notebook_of(gradebook, assignment)
        plan = blueprint.read(gradebook, course.coursedir, assignment, notebook)
    everybody = collect.submitted_students(course.coursedir, assignment)
    chosen = list(dict.fromkeys(students)) or everybody
    done = 0

    def finish(entry: Entry) -> Entry:
        nonlocal done
        done += 1
        progress(done, len(chosen))
        return entry

    with ExitStack() as stack:
        submit: Submit | None = None
        waiting: dict[Future, Work] = {}
        for student in chosen:
            try:
                work = prepare(course, plan, student, assignment, notebook)
            except (Hopeless, OSError) as problem:
                yield finish(_failed(course, student, assignment, str(problem)))
                continue
            if isinstance(work, Entry):
                yield finish(work)
            elif cache.find(work.digest):
                yield finish(_record(course, work, assignment))
            else:
                submit = submit or stack.enter_context(_workers(jobs, cluster, course.unsafe))
                waiting[submit(work.job)] = work
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                work = waiting.pop(future)
                cache.remember(work.digest, future.result())
                yield finish(_record(course, work, assignment))


def notebook_of(gradebook: Gradebook, assignment: str) -> str:
    """The name of an assignment's notebook."""
    try:
        notebooks = gradebook.find_assignment(assignment).notebooks
    except MissingEntry:
        notebooks = []
    names = [notebook.name for notebook in notebooks]
    return assignment if assignment in names or not names else names[0]


def prepare(
    course: Course, plan: blueprint.Blueprint, student: str, assignment: str, notebook: str
) -> Work | Entry:
    """The work that a submission needs, or its entry if all of it was done before.

    Raises Hopeless or OSError where there is no notebook to grade.
    """
    path = collect.submitted_file(course.coursedir, student, assignment, notebook)
    mended, repairs = mend(read(path, course.limits), plan, course.limits)
    node = nbformat.from_dict(mended)
    job = collect.job_for(course.coursedir, node, student, assignment, course.seed, course.limits)
    work = Work(student, repairs, job, job.digest(course.unsafe))
    with course.gradebook() as gradebook:
        known = course.recorded(gradebook, student, assignment, notebook)
        now = collect.circumstances(course.coursedir, gradebook, student, assignment)
        same = known and known["digest"] == work.digest and known["circumstances"] == now
        if same and cache.settled(known["result"]):
            return _entry(course, gradebook, work, known["result"])
    return work


@contextmanager
def _workers(jobs: int | None, cluster: str | None, unsafe: bool) -> Iterator[Submit]:
    """Whoever grades: threads that talk to a station here, or a Dask cluster."""
    if cluster:
        from course.grading.cluster import connect

        with connect(cluster, unsafe) as submit:
            yield submit
        return
    station = shared_station(unsafe)
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        try:
            yield lambda job: pool.submit(station.grade, job)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_shared(unsafe)
            raise


def _record(course: Course, work: Work, assignment: str) -> Entry:
    result = cache.find(work.digest)
    try:
        course.record(work.student, assignment)
    except NotRecorded as problem:
        entry = Entry(work.student, result["tests"], work.repairs)
        entry.error = f"graded, but not recorded: {problem}"
        return entry
    with course.gradebook() as gradebook:
        return _entry(course, gradebook, work, result)


def _entry(course: Course, gradebook: Gradebook, work: Work, result: dict) -> Entry:
    scores = course.scores(gradebook, work.student, work.job.assignment)
    names = [cell.name for cell in work.job.cells if cell.role == TEST]
    tests = {name: result["tests"][name] for name in names}
    error, unsafe = result.get("error"), result.get("unsafe", False)
    return Entry(work.student, tests, work.repairs, error, **scores, unsafe=unsafe)


def _failed(course: Course, student: str, assignment: str, message: str) -> Entry:
    with course.gradebook() as gradebook:
        return Entry(student, error=message, **course.scores(gradebook, student, assignment))
