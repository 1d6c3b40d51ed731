"""Hostile submissions, by theme. Each is a released notebook with a few cells changed.

`ATTACKS[name]` is code for the cell of the exercise `mse`, or a function that changes the
notebook. None of them solves an exercise, unless its name is in `HONEST_TOO`: those solve `mse`
as well, and get its points and no others.

`CANARY-` marks secrets that the tests lay out; an attack that finds one prints it.
"""

from __future__ import annotations

from collections.abc import Callable

from nbformat import NotebookNode

from tests.attacks import answers, comparison, forbidden, notebook, prying, resources, shell, wire

THEMES = (answers, comparison, shell, resources, prying, wire, forbidden, notebook)

ATTACKS: dict[str, str | Callable[[NotebookNode], NotebookNode]] = {
    name: attack for theme in THEMES for name, attack in theme.ATTACKS.items()
}
HONEST_TOO = {name for theme in THEMES for name in getattr(theme, "HONEST_TOO", ())}
