"""Faults put into the references are seen by the hidden tests."""

from pathlib import Path

import pytest

from tests.mutation.run import EQUIVALENT, run

ASSIGNMENTS = sorted(file.stem for file in (Path(__file__).parent / "hidden").glob("[!_]*.py"))


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_mutants_are_killed(assignment):
    result = run(assignment)
    print(result)
    assert result.killed > 20
    assert result.share >= 0.95, str(result)


def test_equivalent_mutants_are_explained():
    for line in EQUIVALENT.read_text(encoding="utf-8").splitlines():
        assert line.startswith("#") or len(line.partition(" | ")[2]) > 20, line
