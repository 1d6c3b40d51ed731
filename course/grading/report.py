"""The report of a batch: a table to read, and JSON to work with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from course.grading.runner import Entry

SIGNS = {
    "passed": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "error": "[red]![/]",
    "timeout": "[yellow]t[/]",
    "forbidden": "[magenta]f[/]",
    "missing": "[red]?[/]",
    "not_attempted": "·",
}
LEGEND = "✓ passed  ✗ failed  ! error  t timeout  f forbidden  ? missing  · not attempted"
UNSAFE = "These submissions were graded without a sandbox (--unsafe)."


def to_json(assignment: str, entries: list[Entry]) -> dict[str, Any]:
    """The report as data; see the README for its form."""
    students = {}
    for entry in entries:
        data = asdict(entry)
        del data["student"]
        students[entry.student] = data
    unsafe = any(entry.unsafe for entry in entries)
    return {"assignment": assignment, "unsafe": unsafe, "students": students}


def show(console: Console, assignment: str, entries: list[Entry]) -> None:
    """Print a line per student with a sign per exercise, then the reasons."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.tests))
    table = Table(title=f"{assignment}: {len(entries)} submissions", box=box.SIMPLE)
    table.add_column("student", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("exercises, in order", overflow="fold")
    for entry in entries:
        signs = [SIGNS.get(entry.tests.get(name, {}).get("status"), " ") for name in names]
        score = f"{entry.score:g}/{entry.max_score:g}"
        table.add_row(escape(entry.student), score, " ".join(signs) or "[red]not graded[/]")
    console.print(table)
    console.print(LEGEND + "\n", style="dim")
    for entry in entries:
        _reasons(console, entry)
    if any(entry.unsafe for entry in entries):
        console.print(UNSAFE, style="bold yellow")


def _reasons(console: Console, entry: Entry) -> None:
    lines = [f"not graded: {entry.error}"] if entry.error and not entry.tests else []
    lines += [entry.error] if entry.error and entry.tests else []
    for name, test in entry.tests.items():
        if test["status"] not in ("passed", "not_attempted"):
            what = f"{test['points']:g}/{test['max']:g} {test['status']}"
            message = " · ".join(test["message"].splitlines())[:300]
            lines.append(f"{name.removeprefix('test_')} {what}: {message}")
    open_ones = [name for name, test in entry.tests.items() if test["status"] == "not_attempted"]
    if open_ones:
        lines.append("not attempted: " + ", ".join(n.removeprefix("test_") for n in open_ones))
    if entry.late_penalty:
        lines.append(f"late: {entry.late_penalty:g} points are deducted")
    lines += [f"repaired: {repair}" for repair in entry.repairs]
    if lines:
        console.print(escape(entry.student), style="bold")
        for line in lines:
            console.print("  " + escape(line), highlight=False, soft_wrap=True)
