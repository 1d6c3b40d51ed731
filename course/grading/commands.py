"""`course grade` and `course feedback`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command()
@click.argument("assignment")
@click.option("--student", "students", multiple=True, metavar="ID", help="Only this student.")
@click.option("--jobs", type=click.IntRange(1), help="Submissions at a time (one a core).")
@click.option("--seed", type=int, help="Seed of the hidden cases.")
@click.option("--dask", metavar="ADDRESS", help="Grade on a Dask cluster: tcp://host:8786.")
@click.option("--unsafe", is_flag=True, help="Grade without a sandbox, on your own risk.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report here.")
def grade(
    assignment: str,
    students: tuple[str, ...],
    jobs: int | None,
    seed: int | None,
    dask: str | None,
    unsafe: bool,
    json_file: Path | None,
) -> None:
    """Grade the submissions of ASSIGNMENT and record them in nbgrader's gradebook.

    Submissions lie in submitted/STUDENT/ASSIGNMENT/. Graded notebooks come to autograded/.
    """
    json_file = json_file and json_file.absolute()
    from course.grading.station import start_shared

    if not dask:
        start_shared(unsafe)
    from rich.console import Console
    from rich.progress import Progress
    from sqlalchemy.exc import OperationalError

    from course.grading import report, runner
    from course.grading.blueprint import UnknownAssignment
    from course.grading.cache import write_atomically
    from course.grading.cluster import ClusterUnavailable
    from course.grading.gradebook import Course, NotRecorded, ReleaseFailed
    from course.grading.sandbox import SandboxUnavailable

    console = Console()
    entries: list[runner.Entry] = []
    interrupted = False
    try:
        course = Course(seed, unsafe)
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(f"Grading {assignment}", total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            for entry in runner.grade(course, assignment, students, jobs, dask, progress):
                entries.append(entry)
    except (
        *(UnknownAssignment, ReleaseFailed, NotRecorded),
        *(SandboxUnavailable, ClusterUnavailable),
    ) as problem:
        raise click.ClickException(str(problem)) from None
    except (OperationalError, OSError) as problem:
        reason = getattr(problem, "orig", problem)
        raise click.ClickException(
            f"the course folder {Path.cwd()} cannot be used: {reason}. "
            "Can it be written, and is there room on the disk?"
        ) from None
    except KeyboardInterrupt:
        interrupted = True
    entries.sort(key=lambda entry: entry.student)
    if entries:
        report.show(console, assignment, entries)
    elif not interrupted:
        console.print(f"Nobody has handed in {assignment}: submitted/*/{assignment}/ is empty.")
    if json_file:
        text = json.dumps(report.to_json(assignment, entries), indent=2)
        write_atomically(json_file, text.encode())
    if interrupted:
        console.print("Interrupted. What was graded stays; the same command goes on from here.")
        sys.exit(130)
    if any(entry.error for entry in entries):
        sys.exit(1)


@click.command()
@click.argument("assignment")
@click.option("--student", "students", multiple=True, metavar="ID", help="Only this student.")
def feedback(assignment: str, students: tuple[str, ...]) -> None:
    """Write a feedback page for each student who handed in ASSIGNMENT, to feedback/."""
    from course.grading import collect
    from course.grading import feedback as pages
    from course.grading.blueprint import UnknownAssignment
    from course.grading.gradebook import Course

    course = Course()
    everybody = collect.submitted_students(course.coursedir, assignment)
    failed = False
    for student in students or everybody:
        try:
            path = pages.write(course, assignment, student)
            click.echo(path.relative_to(course.coursedir.root))
        except UnknownAssignment as problem:
            raise click.ClickException(str(problem)) from None
        except OSError as problem:
            failed = True
            click.echo(f"{student}: not written: {problem}", err=True)
    if not everybody:
        click.echo(f"Nobody has handed in {assignment}.")
    if failed:
        sys.exit(1)
