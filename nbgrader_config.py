"""nbgrader's settings: where things are, and the sandbox in the place of a plain kernel."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821, given by traitlets

os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"

c.Autograde.exporter_class = "course.grading.preprocessor.MendingExporter"
# The exporter gives every named cell its source and settings back: nothing else has to.
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = [
    "course.grading.preprocessor.Grade",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
]

c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = {"markdown2html": "course.grading.markdown.safe_markdown"}
