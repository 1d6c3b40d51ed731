"""Text that students wrote, as HTML that does nothing but show it."""

from __future__ import annotations

import jinja2
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from course.grading.outputs import clean_html


@jinja2.pass_context
def safe_markdown(context: jinja2.runtime.Context, source: str) -> str:
    """nbconvert's `markdown2html` for text that students wrote, the formgrader's included."""
    pictures = context.get("cell", {}).get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=pictures)
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))
