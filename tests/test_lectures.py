"""Every lecture: the notebook rules, a run without errors in quick mode, and what it claims."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest
from nbformat import NotebookNode

LECTURES = sorted((Path(__file__).resolve().parent.parent / "lectures").glob("*.ipynb"))
LONGEST_CELL = 15
SECTIONS = ["## Summary", "## Exercises", "## References"]
AVOIDED = re.compile(r"\b(simply|obviously|just)\b", re.IGNORECASE)

CHECKS = {
    "22a_regression_cost_functions": [
        """
from course.training import fit
alone = fit(RunConfig(loss="l1", **settings))
assert alone.column("train_loss") == l1_run.column("train_loss"), "not a fair comparison"
""",
        """
from skimage.metrics import structural_similarity
with torch.no_grad():
    copy = mse_run.model(digit[None])[0].reshape(28, 28).double().numpy()
original = digit.reshape(28, 28).double().numpy()
for name, data_range in (("ssim", 1.0), ("ssim_lecture", 2.0)):
    expected = structural_similarity(original, copy, data_range=data_range)
    assert abs(mse_run.epochs[-1][name] - expected) < 1e-5, (name, expected)
""",
        """
assert [run.config.loss for run in lp_runs] == [f"lp:p={p}" for p in (1, 2, 3, 4, 5)]
sums, means = lp_runs[0].epochs[-1], l1_run.epochs[-1]
assert abs(sums["test_mae"] / means["test_mae"] - 1) < 0.01, "L1 and p = 1 part"
with torch.no_grad():
    errors = lp_runs[2].model(mnist.X_test).double() - mnist.X_test.double()
assert abs(lp_runs[2].epochs[-1]["test_mse"] / errors.pow(2).mean().item() - 1) < 1e-4
""",
    ],
    "22b_classification_cost_functions": [
        """
for (_, a), (_, b) in zip(ce_run.batch_losses, nll_run.batch_losses):
    assert abs(a - b) <= 1e-5 * a, "cross-entropy and NLL of log_softmax are two curves"
assert ce_run.column("accuracy") == nll_run.column("accuracy")
""",
        """
import numpy as np
with torch.no_grad():
    z = margin_run.model(mnist.X_test).double().numpy()
y, rows = mnist.y_test.numpy(), np.arange(len(mnist.y_test))
slack = np.maximum(0, 1 - z[rows, y][:, None] + z)
slack[rows, y] = 0
expected = (slack.sum(1) / 10).mean()
assert abs(F.multi_margin_loss(torch.tensor(z), mnist.y_test).item() - expected) < 1e-9
expected = (np.log(np.exp(z).sum(1)) - z[rows, y]).mean()
assert abs(margin_run.epochs[-1]["test_cross_entropy"] - expected) < 1e-5
assert abs(margin_run.epochs[-1]["accuracy"] - (z.argmax(1) == y).mean()) < 1e-9
""",
        """
assert all(m < c for m, c in zip(margin_run.column("train_loss"), ce_run.column("train_loss")))
assert pair[1].epochs[-1]["train_loss"] < -10 and pair[1].epochs[-1]["accuracy"] < 0.5
assert pair[0].epochs[-1]["accuracy"] > 0.8
""",
        """
logits = torch.randn(4, 10, dtype=torch.float64, requires_grad=True)
plain = (logits.softmax(1) - F.one_hot(torch.arange(4), 10)).square().sum(1).mean()
expected, = torch.autograd.grad(plain, logits)
found, = torch.autograd.grad(brier(logits, torch.arange(4)), logits)
torch.testing.assert_close(found, expected)
""",
    ],
}
"""What a lecture's text claims, as cells run in its own kernel after it."""


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(cells: list[NotebookNode]) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def imports_in(cell: NotebookNode) -> bool:
    return any(
        isinstance(node, ast.Import | ast.ImportFrom) for node in ast.parse(cell.source).body
    )


def shows_figure(cell: NotebookNode) -> bool:
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    return any(
        "image/png" in d or "data:image/png" in "".join(d.get("text/html", "")) for d in data
    )


def errors_in(cells: list[NotebookNode]) -> list[str]:
    return [
        f"{cell.id}: {output.ename}: {output.evalue}"
        for cell in cells
        for output in cell.outputs
        if output.output_type == "error"
    ]


@pytest.fixture(scope="module", params=LECTURES, ids=lambda path: path.stem)
def executed(request: pytest.FixtureRequest) -> tuple[str, NotebookNode, list[NotebookNode]]:
    """Run a lecture and its checks in quick mode; the checks come back apart from the lecture."""
    path = request.param
    notebook = read(path)
    length = len(notebook.cells)
    notebook.cells += [nbformat.v4.new_code_cell(check) for check in CHECKS.get(path.stem, [])]
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env=os.environ | {"COURSE_QUICK": "1", "OMP_NUM_THREADS": "1"})
    checks = notebook.cells[length:]
    notebook.cells = notebook.cells[:length]
    return path.stem, notebook, checks


def test_runs_without_errors_and_says_that_it_is_a_subset(executed) -> None:
    _, notebook, _ = executed
    assert errors_in(code_cells(notebook)) == []
    printed = [
        output.text
        for cell in code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    ]
    source = "\n".join(cell.source for cell in code_cells(notebook))
    if "quick." in source:
        assert any("Quick mode" in text for text in printed)


def test_claims_hold(executed) -> None:
    stem, _, checks = executed
    assert len(checks) == len(CHECKS.get(stem, []))
    assert errors_in(checks) == []


def test_each_figure_stands_between_a_prediction_and_an_explanation(executed) -> None:
    _, notebook, _ = executed
    figures = [i for i, cell in enumerate(notebook.cells) if shows_figure(cell)]
    assert figures, "a lecture without a figure"
    for previous, place, following in zip([-1, *figures], figures, [*figures[1:], None]):
        before = text_of(notebook.cells[previous + 1 : place])
        after = text_of(notebook.cells[place + 1 : following])
        assert "Predict" in before, f"no prediction before {notebook.cells[place].id}"
        assert "What happened" in after, f"no explanation after {notebook.cells[place].id}"


@pytest.fixture(params=LECTURES, ids=lambda path: path.stem)
def committed(request: pytest.FixtureRequest) -> NotebookNode:
    return read(request.param)


def test_is_a_valid_notebook_for_any_python_kernel(committed: NotebookNode) -> None:
    nbformat.validate(committed)
    assert committed.metadata.kernelspec.name == "python3"
    assert committed.metadata.kernelspec.display_name == "Python 3"
    assert len({cell.id for cell in committed.cells}) == len(committed.cells)


def test_is_committed_without_results(committed: NotebookNode) -> None:
    assert "widgets" not in committed.metadata
    for cell in code_cells(committed):
        assert cell.outputs == [] and cell.execution_count is None, cell.id


def test_cells_are_short_and_only_the_first_imports(committed: NotebookNode) -> None:
    cells = code_cells(committed)
    assert [c.id for c in cells if len(c.source.splitlines()) > LONGEST_CELL] == []
    assert [c.id for c in cells if imports_in(c)] == [cells[0].id]


def test_ends_with_summary_three_exercises_and_references(committed: NotebookNode) -> None:
    text = text_of(committed.cells)
    headings = [line.strip() for line in text.splitlines() if line.startswith("## ")]
    assert headings[-3:] == SECTIONS
    exercises = text.split(SECTIONS[1])[1].split(SECTIONS[2])[0]
    assert re.findall(r"^(\d+)\. ", exercises, re.MULTILINE) == ["1", "2", "3"]
    assert re.search(r"^- ", text.split(SECTIONS[2])[1], re.MULTILINE)


def test_tone(committed: NotebookNode) -> None:
    assert AVOIDED.findall(text_of(committed.cells)) == []
