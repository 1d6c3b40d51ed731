"""Outputs of student cells: recorded in the sandbox, cleaned again by whoever receives them."""

from __future__ import annotations

import io
from typing import Any

import bleach
import jinja2
from bleach.css_sanitizer import CSSSanitizer
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

PICTURES = ("image/png", "image/jpeg")
TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "div", "dl", "dt", "em"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "small"),
    *("span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
    *("tt", "u", "ul", "img"),
}
ATTRIBUTES = {"*": ["class", "style", "title", "align"], "td": ["colspan", "rowspan"]}
ATTRIBUTES |= {"th": ["colspan", "rowspan"], "a": ["href"], "img": ["src", "alt", "width"]}
STYLES = ["color", "background-color", "font-weight", "font-style", "text-align", "white-space"]
CUT = "\n… output cut …\n"


class Recorder:
    """Collects the outputs of one cell in order, up to a number of characters."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.outputs: list[dict[str, Any]] = []

    def stream(self, name: str, text: str) -> None:
        """Add printed text."""
        if self.left <= 0 or not text:
            return
        kept = text[: self.left]
        self.left -= len(kept)
        last = self.outputs[-1] if self.outputs else {}
        text = kept + (CUT if self.left <= 0 else "")
        if last.get("output_type") == "stream" and last["name"] == name:
            last["parts"].append(text)
        else:
            self.outputs.append({"output_type": "stream", "name": name, "parts": [text]})

    def data(self, kind: str, data: dict[str, Any]) -> None:
        """Add a displayed object or a result (`kind` as in nbformat)."""
        known = {"text/plain", "text/html", *PICTURES}
        bundle = {str(mime): str(data[mime]) for mime in known if mime in data}
        size = sum(map(len, bundle.values()))
        if size > self.left:
            return self.stream("stdout", f"… an output of {size:,} characters was left out …\n")
        self.left -= size
        self.outputs.append({"output_type": kind, "data": bundle})
        return None

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        """Add an exception."""
        short = [line[:2000] for line in [*traceback[:10], *traceback[10:][-40:]]]
        error = {"ename": str(name)[:200], "evalue": str(value)[:2000], "traceback": short}
        self.outputs.append({"output_type": "error", **error})

    def finish(self) -> list[dict[str, Any]]:
        """The outputs as plain data."""
        for output in self.outputs:
            if "parts" in output:
                output["text"] = "".join(output.pop("parts"))
        return self.outputs


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of a student's cell."""

    encoding = "utf-8"

    def __init__(self, name: str, recorder: Recorder) -> None:
        self.name = name
        self.recorder = recorder

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.recorder.stream(self.name, str(text))
        return len(text)


def clean(outputs: Any, limit: int) -> list[dict[str, Any]]:
    """Standard nbformat outputs without anything active, of whatever a sandbox sent.

    >>> clean([{"output_type": "stream", "name": "stdout", "text": "hi"}], 100)
    [{'output_type': 'stream', 'name': 'stdout', 'text': 'hi'}]
    """
    recorder = Recorder(limit)
    for output in outputs[:1000] if isinstance(outputs, list) else []:
        if not isinstance(output, dict):
            continue
        kind = output.get("output_type")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            recorder.stream(name, _text(output.get("text")))
        elif kind == "error":
            lines = output.get("traceback")
            lines = [_text(line) for line in lines] if isinstance(lines, list) else []
            recorder.error(_text(output.get("ename")), _text(output.get("evalue")), lines)
        elif kind in ("display_data", "execute_result") and isinstance(output.get("data"), dict):
            recorder.data("display_data", _clean_data(output["data"]))
    return [_standard(output) for output in recorder.finish()]


def clean_html(html: str) -> str:
    """HTML without scripts, handlers, frames, forms or anything fetched from elsewhere.

    >>> clean_html('<b onclick="x()">hi</b><script>x()</script><img src="http://a/b.png">')
    '<b>hi</b>x()<img>'
    """

    def allowed(tag: str, name: str, value: str) -> bool:
        if tag == "img" and name == "src":
            return value.startswith(tuple(f"data:{kind};base64," for kind in PICTURES))
        if tag == "a" and name == "href":
            return value.startswith(("https://", "http://", "#"))
        return name in ATTRIBUTES.get(tag, []) or name in ATTRIBUTES["*"]

    css = CSSSanitizer(allowed_css_properties=STYLES)
    return bleach.clean(html, tags=TAGS, attributes=allowed, css_sanitizer=css, strip=True)


@jinja2.pass_context
def safe_markdown(context: jinja2.runtime.Context, source: str) -> str:
    """nbconvert's `markdown2html` for text that students wrote, the formgrader's included."""
    pictures = context.get("cell", {}).get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=pictures)
    return clean_html(MarkdownWithMath(renderer=renderer).render(source))


def _clean_data(data: dict[str, Any]) -> dict[str, str]:
    bundle = {
        mime: _text(data[mime]) for mime in ("text/plain", "text/html", *PICTURES) if mime in data
    }
    if "text/html" in bundle:
        bundle["text/html"] = clean_html(bundle["text/html"])
    for mime in PICTURES:
        if mime in bundle and not _is_base64(bundle[mime]):
            del bundle[mime]
    return bundle or {"text/plain": ""}


def _is_base64(text: str) -> bool:
    compact = "".join(text.split())
    return compact.isascii() and all(c.isalnum() or c in "+/=" for c in compact)


def _standard(output: dict[str, Any]) -> dict[str, Any]:
    return output | {"metadata": {}} if output["output_type"] == "display_data" else output


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
