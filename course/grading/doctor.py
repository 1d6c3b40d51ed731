"""The doctor: makes a standard notebook of whatever was submitted, and says what it mended."""

from __future__ import annotations

import base64
import binascii
import codecs
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.grading.blueprint import Blueprint, Part
from course.grading.limits import Limits

PICTURES = ("image/png", "image/jpeg", "image/gif")
FIXED = ("grade", "solution", "points", "locked", "task")
GOOD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Hopeless(ValueError):
    """A submission of which no notebook can be made."""


@dataclass
class Draft:
    """One cell on its way into the mended notebook."""

    kind: str
    source: str
    claim: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, dict[str, str]] = field(default_factory=dict)
    id: str = ""
    part: Part | None = None


def read(path: Path, limits: Limits) -> bytes:
    """The bytes of a submitted notebook; raises Hopeless where there is no such plain file."""
    if path.is_symlink():
        raise Hopeless("the notebook is a link to another file")
    if not path.is_file():
        raise Hopeless(f"no notebook was handed in: expected {path.name}")
    size = path.stat().st_size
    if size > limits.notebook:
        most = limits.notebook >> 20
        raise Hopeless(f"the notebook has {size >> 20} MB; at most {most} MB are allowed")
    return path.read_bytes()


def mend(raw: bytes, blueprint: Blueprint, limits: Limits) -> tuple[dict[str, Any], list[str]]:
    """A submission's bytes as a standard notebook, and the list of repairs in words.

    Everything but the student's own sources and pictures comes from the blueprint.
    Raises Hopeless with a sentence for the student.
    """
    repairs: list[str] = []
    data = _parse(raw, limits, repairs)
    drafts = [_draft(cell) for cell in _cells(data, repairs)]
    if len(drafts) > limits.cells:
        raise Hopeless(f"the notebook has {len(drafts):,} cells; {limits.cells:,} are allowed")
    if not drafts:
        raise Hopeless("the notebook has no cells")
    drafts = _assign(drafts, blueprint, repairs)
    drafts = _order(drafts, blueprint, repairs)
    return _notebook(drafts, blueprint), repairs


def _parse(raw: bytes, limits: Limits, repairs: list[str]) -> dict[str, Any]:
    if not raw.strip():
        raise Hopeless("the notebook file is empty")
    try:
        data = json.loads(_decode(raw, repairs))
    except json.JSONDecodeError as problem:
        raise Hopeless(
            f"the file is not a notebook: no valid JSON at line {problem.lineno}"
        ) from None
    except (RecursionError, ValueError):
        raise Hopeless("the file is not a notebook: no usable JSON") from None
    if not isinstance(data, dict):
        raise Hopeless(f"the file is not a notebook: it holds a JSON {type(data).__name__}")
    return data


def _decode(raw: bytes, repairs: list[str]) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        repairs.append("The file was encoded as UTF-16; it was read as that.")
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        repairs.append("The file was not encoded as UTF-8; some characters may be wrong.")
        return raw.decode("latin-1")


def _cells(data: dict[str, Any], repairs: list[str]) -> list[dict[str, Any]]:
    cells = data.get("cells")
    if cells is None and isinstance(data.get("worksheets"), list):
        repairs.append("The notebook was of an old format; it was converted.")
        sheets = [sheet for sheet in data["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for s in sheets for cell in s.get("cells") or [] if isinstance(cell, dict)]
    if not isinstance(cells, list):
        raise Hopeless("the file is not a notebook: it has no list of cells")
    kernel = data.get("metadata") if isinstance(data.get("metadata"), dict) else {}
    kernel = kernel.get("kernelspec") if isinstance(kernel.get("kernelspec"), dict) else {}
    if kernel.get("language", "python") != "python":
        repairs.append("The notebook named a kernel of another language; Python was used.")
    return [cell for cell in cells if isinstance(cell, dict)]


def _draft(cell: dict[str, Any]) -> Draft:
    kind = cell.get("cell_type")
    source = _text(cell.get("source", cell.get("input")))
    if kind == "heading":
        kind, source = "markdown", f"# {source}"
    metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    settings = metadata.get("nbgrader") if isinstance(metadata.get("nbgrader"), dict) else {}
    return Draft(
        kind=kind if kind in ("code", "raw") else "markdown",
        source=source,
        claim=settings["grade_id"] if isinstance(settings.get("grade_id"), str) else "",
        settings=settings,
        attachments=_attachments(cell.get("attachments")),
        id=cell["id"] if isinstance(cell.get("id"), str) else "",
    )


def _text(source: Any) -> str:
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    return text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\0", "")


def _attachments(given: Any) -> dict[str, dict[str, str]]:
    """The pictures that a text cell carries."""
    kept = {}
    for name, bundle in given.items() if isinstance(given, dict) else ():
        pictures = bundle if isinstance(bundle, dict) else {}
        pictures = {
            mime: data for mime, data in pictures.items() if mime in PICTURES and _is_base64(data)
        }
        if pictures:
            kept[name] = pictures
    return kept


def _is_base64(data: Any) -> bool:
    try:
        return isinstance(data, str) and bool(
            base64.b64decode("".join(data.split()), validate=True)
        )
    except (binascii.Error, ValueError):
        return False


def _assign(drafts: list[Draft], blueprint: Blueprint, repairs: list[str]) -> list[Draft]:
    """Give each part of the blueprint its one cell; other cells are the student's own."""
    gone: set[int] = set()
    for part in blueprint.parts:
        claims = [draft for draft in drafts if draft.claim == part.name and id(draft) not in gone]
        if part.locked:
            chosen = claims[:1]
            gone |= {id(draft) for draft in claims[1:]}
            if len(claims) > 1:
                repairs.append(
                    f"The cell `{part.name}` was there {len(claims)} times; one was kept."
                )
        else:
            chosen = _own_cell(part, claims, drafts, repairs)
            if part.kind != "code":
                gone |= {id(draft) for draft in claims if draft not in chosen}
        for draft in chosen:
            _restore(draft, part, repairs)
    names = {part.name for part in blueprint.parts}
    for draft in drafts:
        if draft.claim and draft.claim not in names and draft.settings.get("grade"):
            repairs.append(f"A cell said to be `{draft.claim[:60]}` is none of the assignment's.")
    return [draft for draft in drafts if id(draft) not in gone]


def _own_cell(
    part: Part, claims: list[Draft], drafts: list[Draft], repairs: list[str]
) -> list[Draft]:
    """The student's cell for a solution: of several the last that was worked on."""
    if not claims and part.kind == "code":
        pattern = re.compile(rf"^(?:def|class)\s+{re.escape(part.name)}\b", re.M)
        claims = [
            d for d in drafts if d.kind == "code" and d.part is None and pattern.search(d.source)
        ]
        if claims:
            repairs.append(f"The cell `{part.name}` had lost its name; it was found by its code.")
    if not claims:
        return []
    worked_on = [draft for draft in claims if draft.source.strip() != part.source.strip()]
    chosen = (worked_on or claims)[-1]
    if len(claims) > 1 and chosen.claim:
        repairs.append(f"The cell `{part.name}` was there {len(claims)} times; all of it was read.")
        if part.kind != "code":
            chosen.source = "\n\n".join(draft.source for draft in worked_on or claims[:1])
    return [chosen]


def _restore(draft: Draft, part: Part, repairs: list[str]) -> None:
    """Let a cell be what the blueprint says that it is."""
    if draft.kind != part.kind:
        repairs.append(f"The cell `{part.name}` had been turned into a {draft.kind} cell.")
    same = all(draft.settings.get(k, v) == v for k, v in part.metadata().items() if k in FIXED)
    if not same:
        repairs.append(f"The settings of the cell `{part.name}` were restored.")
    if part.locked:
        if draft.source.strip() not in (part.released(), part.source.strip()):
            repairs.append(f"The locked cell `{part.name}` had been changed; it was restored.")
        draft.source = part.source
    draft.kind, draft.part = part.kind, part


def _order(drafts: list[Draft], blueprint: Blueprint, repairs: list[str]) -> list[Draft]:
    """Put back what is missing, each after the part before it; the same for a changed order."""
    names = [part.name for part in blueprint.parts]
    present = [draft.part.name for draft in drafts if draft.part]
    if present != [name for name in names if name in present]:
        repairs.append("The cells were in another order; each test was put after its solution.")
        drafts = [draft for draft in drafts if not (draft.part and draft.part.locked)]
    elif len(present) < len(names):
        lost = [name for name in names if name not in present]
        repairs.extend(f"The cell `{name}` was missing; it was put back." for name in lost)
    places = {draft.part.name: draft for draft in drafts if draft.part}
    before: Draft | None = None
    for part in blueprint.parts:
        draft = places.get(part.name)
        if draft is None:
            draft = Draft(part.kind, part.source, part=part)
            index = next((i for i, d in enumerate(drafts) if d is before), -1)
            drafts.insert(index + 1, draft)
        before = draft
    return drafts


def _notebook(drafts: list[Draft], blueprint: Blueprint) -> dict[str, Any]:
    used: set[str] = set()
    cells = []
    for number, draft in enumerate(drafts):
        name = draft.id if GOOD_ID.fullmatch(draft.id) else f"cell-{number}"
        while name in used:
            name = f"{name[:50]}-{number}"
        used.add(name)
        metadata = {"nbgrader": draft.part.metadata()} if draft.part else {}
        cell = {"cell_type": draft.kind, "id": name, "metadata": metadata, "source": draft.source}
        if draft.kind == "code":
            cell |= {"outputs": [], "execution_count": None}
        elif draft.attachments:
            cell["attachments"] = draft.attachments
        cells.append(cell)
    metadata = {"kernelspec": blueprint.kernelspec, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
