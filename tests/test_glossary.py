"""The glossary: in order, linked from the lectures, and with no link that leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

LECTURES = Path(__file__).resolve().parent.parent / "lectures"
GLOSSARY = (LECTURES / "glossary.md").read_text()
TERMS = re.findall(r"^### (.+)$", GLOSSARY, re.MULTILINE)
ANCHORS = {term.replace(" ", "-") for term in TERMS}


def words(lecture: Path) -> str:
    cells = nbformat.read(lecture, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("lecture", sorted(LECTURES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_links_of_a_lecture_lead_somewhere(lecture: Path) -> None:
    text = words(lecture)
    assert set(re.findall(r"glossary\.md#([^)]+)\)", text)) <= ANCHORS
    neighbours = re.findall(r"\]\(([\w.]+\.(?:ipynb|md))", text)
    assert [name for name in neighbours if not (LECTURES / name).exists()] == []


def test_terms_are_in_order_and_each_names_a_lecture() -> None:
    assert sorted(TERMS) == TERMS and len(set(TERMS)) == len(TERMS)
    for term, entry in zip(TERMS, re.split(r"^### .+$", GLOSSARY, flags=re.MULTILINE)[1:]):
        links = re.findall(r"\]\((\S+\.ipynb)\)", entry)
        assert links and all((LECTURES / link).exists() for link in links), term


def test_every_term_is_linked_from_some_lecture() -> None:
    text = "\n".join(words(path) for path in LECTURES.glob("*.ipynb"))
    linked = set(re.findall(r"glossary\.md#([^)]+)\)", text))
    assert {term.replace(" ", "-") for term in TERMS} - linked == set()
