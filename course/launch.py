"""`course lab`: JupyterLab on a lecture, with the student's view or the instructor's."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import click

from course.registry import unknown


def project_root() -> Path:
    """Return the folder that holds `lectures/`: this checkout, or a folder above the current one.

    Raises `click.ClickException` where there is none.
    """
    checkout = Path(__file__).resolve().parent.parent
    here = Path.cwd()
    for folder in (here, *here.parents, checkout):
        if any((folder / "lectures").glob("*.ipynb")):
            return folder
    raise click.ClickException(
        f"no lectures/ folder with notebooks in {here}, above it or in {checkout}; "
        "run this in a clone of the course"
    )


def find_notebook(root: Path, name: str) -> Path:
    """Return the notebook, relative to `root`, whose path, file name or number is `name`.

    Raises `click.ClickException` with the nearest names where none matches.
    """
    given = root / name
    if given.suffix == ".ipynb" and given.is_file():
        return given.resolve().relative_to(root.resolve())
    stem = name.removesuffix(".ipynb")
    notebooks = sorted(
        path for folder in ("lectures", "assignments") for path in root.glob(f"{folder}/**/*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    )  # fmt: skip
    for path in notebooks:
        if path.stem == stem or path.stem.startswith(f"{stem}_"):
            return path.relative_to(root)
    raise click.ClickException(unknown("notebook", name, [path.stem for path in notebooks]))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("notebook", default="22a")
@click.option("--instructor", is_flag=True, help="Show the instructor's tools of nbgrader.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
def lab(notebook: str, instructor: bool, jupyter_options: tuple[str, ...]) -> None:
    """Open NOTEBOOK (a number such as 22a, or a path) in JupyterLab.

    Everything after the notebook is handed to JupyterLab, for example --no-browser or --port 8890.
    """
    if notebook.startswith("-"):
        notebook, jupyter_options = "22a", (notebook, *jupyter_options)
    root = project_root()
    view = "instructor" if instructor else "student"
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{find_notebook(root, notebook).as_posix()}",
        f"--LabApp.app_settings_dir={resources.files('course') / 'jupyterlab' / view}",
        *jupyter_options,
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    environment = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    }
    raise SystemExit(subprocess.call(command, cwd=root, env=environment))
