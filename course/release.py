"""`course release`: the student version of assignments, with the visible checks beside it."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path

import click
import nbformat
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config, PyFileConfigLoader

from course.hidden import load

CONFIG = "nbgrader_config.py"
CHECKS = "checks.json"


@click.command()
@click.argument("assignments", nargs=-1)
@click.option("--course", "root", type=click.Path(path_type=Path), help="Folder of the course.")
def release(assignments: tuple[str, ...], root: Path | None) -> None:
    """Make the student version of ASSIGNMENTS (all without a name) in assignments/."""
    root = (root or course_root(Path.cwd())).resolve()
    known = sorted(folder.name for folder in (root / "solutions").iterdir() if folder.is_dir())
    unknown = [name for name in assignments if name not in known]
    if unknown:
        raise click.UsageError(f"no assignment {unknown[0]!r} in solutions/; there are: {known}")
    for name in assignments or known:
        made = make_release(root, name, root / "assignments")
        click.echo(f"{name}: {made.relative_to(root)} and {CHECKS}")


def course_root(start: Path) -> Path:
    """The nearest folder above with an nbgrader_config.py."""
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise click.UsageError(
        f"{start} is not in a course: no {CONFIG} in it or above. Give the folder with --course."
    )


def make_release(root: Path, assignment: str, target: Path) -> Path:
    """Release one assignment of the course `root` into `target`; returns the notebook.

    Without a gradebook of its own (`CourseDirectory.db_url` in the configuration), the course's
    release leaves none behind: grading makes one where it needs it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        config = load_config(root)
        config.CourseDirectory.root = str(root)
        config.CourseDirectory.release_directory = str(target)
        if "db_url" not in config.CourseDirectory:
            config.CourseDirectory.db_url = f"sqlite:///{scratch}/gradebook.db"
        generate(config, assignment)
    notebook = target / assignment / f"{assignment}.ipynb"
    tidy(notebook)
    write_checks(root / "tests" / "hidden" / f"{assignment}.py", target / assignment / CHECKS)
    return notebook


def load_config(root: Path) -> Config:
    """The course's nbgrader_config.py."""
    return PyFileConfigLoader(CONFIG, path=str(root)).load_config()


def generate(config: Config, assignment: str) -> None:
    """Run nbgrader's own generate_assignment; raises `ClickException` with its log if it fails."""
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.ERROR)
    result = api.generate_assignment(assignment, force=True)
    if not result["success"]:
        raise click.ClickException(f"{assignment}: {result.get('error') or result['log']}")


def tidy(notebook: Path) -> None:
    """Drop what differs from one machine to the next."""
    content = nbformat.read(notebook, as_version=4)
    content.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(content, notebook)


def write_checks(hidden: Path, target: Path) -> None:
    """Write the visible cases of an assignment's exercises as data, one exercise a line."""
    sheets = [exercise.visible_sheet().to_json() for exercise in load(hidden)]
    lines = ",\n".join(json.dumps(sheet, ensure_ascii=False, sort_keys=True) for sheet in sheets)
    target.write_text(f'{{"exercises": [\n{lines}\n]}}\n', encoding="utf-8")
