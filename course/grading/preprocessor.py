"""nbgrader's autograding with the sandbox in it: how notebooks are read, and how they are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Dict, Integer

from course.grading import blueprint, cache
from course.grading.collect import circumstances, job_for
from course.grading.doctor import mend, read
from course.grading.limits import Limits
from course.grading.station import shared_station


class MendingExporter(NotebookExporter):
    """Reads submissions through the doctor; repairs go to the notebook's metadata."""

    def from_filename(self, filename: str, resources: dict | None = None, **kwargs: Any) -> Any:
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources=resources, **kwargs)
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gradebook:
            plan = blueprint.read(
                gradebook, self.parent.coursedir, names["assignment"], names["notebook"]
            )
            known = circumstances(
                self.parent.coursedir, gradebook, names["student"], names["assignment"]
            )
        notebook, repairs = mend(read(Path(filename), Limits()), plan, Limits())
        node = nbformat.from_dict(notebook)
        node.metadata["course"] = {"repairs": repairs, "circumstances": known}
        return self.from_notebook_node(node, resources=resources, **kwargs)


class Grade(NbGraderPreprocessor):
    """Replaces nbgrader's Execute: cells get their outputs, test cells their points."""

    seed = Integer(
        None, allow_none=True, help="Seed of the hidden cases; by default each submission's own."
    ).tag(config=True)
    limits = Dict(help="What a submission may use: see course.grading.limits.").tag(config=True)
    unsafe = Bool(False, help="Grade without a sandbox.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        names = resources["nbgrader"]
        coursedir = self.parent.parent.coursedir
        limits = Limits(**self.limits)
        job = job_for(coursedir, nb, names["student"], names["assignment"], self.seed, limits)
        digest = job.digest(self.unsafe)
        result = cache.find(digest)
        if result is None:
            result = shared_station(self.unsafe).grade(job)
            cache.remember(digest, result)
        code_cells = [cell for cell in nb.cells if cell.cell_type == "code"]
        for number, (cell, outputs) in enumerate(zip(code_cells, result["outputs"]), start=1):
            cell.execution_count = number
            cell.outputs = [nbformat.from_dict(output) for output in outputs]
        kept = {key: value for key, value in result.items() if key != "outputs"}
        before = nb.metadata.get("course", {})
        nb.metadata["course"] = {**before, "digest": digest, "result": kept}
        return nb, resources
