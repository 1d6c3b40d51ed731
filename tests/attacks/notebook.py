"""Changes of the notebook itself: cells deleted, doubled, unlocked, renamed."""

from __future__ import annotations

import copy

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell


def _tests(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]


def no_tests(notebook: NotebookNode) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if cell not in _tests(notebook)]
    return notebook


def empty_tests(notebook: NotebookNode) -> NotebookNode:
    for cell in _tests(notebook):
        cell.source = "1.0"
    return notebook


def unlocked_tests(notebook: NotebookNode) -> NotebookNode:
    for cell in _tests(notebook):
        cell.source = "pass"
        cell.metadata.nbgrader.update(locked=False, solution=True)
    return notebook


def more_points(notebook: NotebookNode) -> NotebookNode:
    for cell in _tests(notebook):
        cell.metadata.nbgrader.points = 1000
    return notebook


def swapped_ids(notebook: NotebookNode) -> NotebookNode:
    names = [cell.metadata.nbgrader.grade_id for cell in _tests(notebook)]
    for cell, name in zip(_tests(notebook), reversed(names)):
        cell.metadata.nbgrader.grade_id = name
        cell.source = "1.0"
    return notebook


def renamed_ids(notebook: NotebookNode) -> NotebookNode:
    for number, cell in enumerate(_tests(notebook)):
        cell.metadata.nbgrader.grade_id = f"free_points_{number}"
        cell.source = "100.0"
    return notebook


def doubled_tests(notebook: NotebookNode) -> NotebookNode:
    for cell in _tests(notebook):
        twin = copy.deepcopy(cell)
        twin.source = "1.0"
        notebook.cells.append(twin)
        notebook.cells.insert(0, copy.deepcopy(twin))
    return notebook


def reversed_order(notebook: NotebookNode) -> NotebookNode:
    notebook.cells = notebook.cells[::-1]
    return notebook


def text_tests(notebook: NotebookNode) -> NotebookNode:
    for cell in _tests(notebook):
        cell.cell_type = "markdown"
        cell.pop("outputs", None)
        cell.pop("execution_count", None)
        cell.metadata.nbgrader.cell_type = "markdown"
    return notebook


def new_schema(notebook: NotebookNode) -> NotebookNode:
    for cell in _tests(notebook):
        cell.metadata.nbgrader.schema_version = 99
    return notebook


def other_kernel(notebook: NotebookNode) -> NotebookNode:
    notebook.metadata.kernelspec = {"name": "bash", "display_name": "Bash", "language": "bash"}
    return notebook


def forged_result(notebook: NotebookNode) -> NotebookNode:
    tests = {f"test_{name}": {"points": 1.0, "max": 1.0, "status": "passed"} for name in ("mse", "mae")}
    notebook.metadata["course"] = {"digest": "0", "repairs": [], "result": {"tests": tests}}
    for cell in _tests(notebook):
        cell.outputs = new_code_cell().outputs
    return notebook


def script_in_text(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "explain":
            cell.source = "<script>document.title='ATTACKED'</script><img src=x onerror='alert(1)'>"
    return notebook


ATTACKS = {
    function.__name__: function
    for function in (
        *(no_tests, empty_tests, unlocked_tests, more_points, swapped_ids, renamed_ids),
        *(doubled_tests, reversed_order, text_tests, new_schema, other_kernel, forged_result),
        script_in_text,
    )
}
