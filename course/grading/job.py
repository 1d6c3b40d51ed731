"""One unit of grading: all that is needed to grade one submission, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import course
from course.grading.limits import Limits

THEIRS, LOCKED, TEST, IDLE = "theirs", "locked", "test", "idle"
"""Whose a cell is: the student's, ours, a test of ours, or one that no test can depend on."""

SLOW = {
    "skimage.metrics": re.compile(r"\bcourse\.training\b"),
    "torch._dynamo": re.compile(r"\btorch\.optim\b"),
}
"""Modules that take long to import, and how a source shows that it will need them."""


@dataclass(frozen=True)
class Cell:
    """One code cell: whose it is, and its nbgrader name and points, if it has any."""

    role: str
    source: str
    name: str = ""
    points: float = 0.0
    attempted: bool = True


@dataclass(frozen=True)
class Job:
    """A submission's code cells with what they need.

    `files` came with the submission; `release` files are ours and win over them; `hidden` tests
    never enter the sandbox. Without a seed each submission gets hidden cases of its own.
    """

    assignment: str
    cells: tuple[Cell, ...]
    files: dict[str, bytes] = field(default_factory=dict)
    release: dict[str, bytes] = field(default_factory=dict)
    hidden: dict[str, bytes] = field(default_factory=dict)
    seed: int | None = None
    limits: Limits = field(default_factory=Limits)

    def all_files(self) -> dict[str, bytes]:
        """What lies beside the notebook in the sandbox."""
        return {**self.files, **self.release}

    def modules(self) -> list[str]:
        """What takes long to import and is better imported once, before the sandboxes fork."""
        sources = [cell.source for cell in self.cells if cell.role != IDLE]
        sources += [content.decode(errors="replace") for content in self.hidden.values()]
        return [name for name, use in SLOW.items() if any(map(use.search, sources))]

    def hidden_seed(self) -> int:
        """The seed of the hidden cases, the same whenever the same cells are graded."""
        if self.seed is not None:
            return self.seed
        text = json.dumps([asdict(cell) for cell in self.cells], sort_keys=True)
        secret = b"".join(self.hidden.values())
        digest = hashlib.sha256(secret + text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:4], "big")

    def to_json(self) -> str:
        """The job as text, the same for the same job."""
        data = asdict(self)
        for kind in ("files", "release", "hidden"):
            data[kind] = {k: base64.b64encode(v).decode() for k, v in sorted(data[kind].items())}
        return json.dumps(data, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        for kind in ("files", "release", "hidden"):
            data[kind] = {name: base64.b64decode(v) for name, v in data[kind].items()}
        data["cells"] = tuple(Cell(**cell) for cell in data["cells"])
        data["limits"] = Limits(**data["limits"])
        return cls(**data)

    def digest(self, unsafe: bool = False) -> str:
        """The name of this job's result: a change of anything that matters gives another."""
        text = f"{code_version()} {unsafe} {self.to_json()}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def code_version() -> str:
    """A digest of the code that grades."""
    folder = Path(course.__file__).parent
    files = sorted([*folder.glob("*.py"), *folder.glob("grading/*.py")])
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content + version("torch").encode()).hexdigest()


def failed_result(job: Job, message: str) -> dict[str, Any]:
    """The result of a job that could not be graded: no points, and why."""
    tests = {
        cell.name: {"points": 0.0, "max": cell.points, "status": "error", "message": message}
        for cell in job.cells
        if cell.role == TEST
    }
    return {"tests": tests, "outputs": [[] for _ in job.cells], "error": message}
