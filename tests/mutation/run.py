"""Judge the mutants of an assignment's references with its hidden tests."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course.exercises import Exercise, Sheet
from course.hidden import load
from course.judge import judge
from tests.mutation.mutate import Mutant, mutants

HIDDEN = Path(__file__).parent.parent / "hidden"
EQUIVALENT = Path(__file__).parent / "equivalent.txt"
SEEDS = (1, 2)


@dataclass
class Result:
    """How the mutants of one assignment fared."""

    assignment: str
    killed: int = 0
    equivalent: int = 0
    survivors: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share killed of those that are not explained as equivalent."""
        return self.killed / max(1, self.killed + len(self.survivors))

    def __str__(self) -> str:
        mark = f"{self.killed} killed, {len(self.survivors)} survived, {self.equivalent} equivalent"
        lines = [f"{self.assignment}: {mark}: {self.share:.1%}"]
        return "\n".join(lines + [f"  {survivor}" for survivor in self.survivors])


def run(assignment: str) -> Result:
    """Mutate each reference (and the functions it calls) and judge it on hidden cases."""
    file = HIDDEN / f"{assignment}.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    explained = equivalents(assignment)
    result = Result(assignment)
    seen: set[str] = set()
    for exercise in load(file):
        sheets = [exercise.hidden_sheet(seed) for seed in SEEDS]
        used = reachable(tree, exercise.reference.__name__)
        part = ast.Module([node for node in tree.body if getattr(node, "name", 0) in used], [])
        for mutant in mutants(part):
            if str(mutant) in seen:  # a helper of several references
                continue
            seen.add(str(mutant))
            name = f"{mutant.function}: {mutant.before} → {mutant.after}"
            if killed(mutant, exercise, sheets):
                result.killed += 1
            elif name in explained:
                result.equivalent += 1
            else:
                result.survivors.append(str(mutant))
    return result


def killed(mutant: Mutant, exercise: Exercise, sheets: list[Sheet]) -> bool:
    """Whether the mutated reference fails, or cannot even be defined."""
    space = dict(surroundings(exercise.reference))
    try:
        exec(compile(mutant.tree, "mutant", "exec"), space)
    except Exception:
        return True
    answer = space[exercise.reference.__name__]
    return any(not judge(sheet, answer).passed for sheet in sheets)


def surroundings(reference: Any) -> dict[str, Any]:
    """The names of the module that a function or class is defined in."""
    parts = [reference, *(getattr(reference, name) for name in vars(reference))]
    return next(part.__globals__ for part in parts if hasattr(part, "__globals__"))


def reachable(tree: ast.Module, start: str) -> set[str]:
    """The module's functions and classes that `start` uses, itself included."""
    defined = {node.name: node for node in tree.body if hasattr(node, "name")}
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in defined and name not in found:
            found.add(name)
            waiting += [n.id for n in ast.walk(defined[name]) if isinstance(n, ast.Name)]
    return found


def equivalents(assignment: str) -> set[str]:
    """The mutants of an assignment that `equivalent.txt` explains."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    told = [line.partition(" | ")[0].split(" ", 1) for line in lines if not line.startswith("#")]
    return {mutant for name, mutant in told if name == assignment}
