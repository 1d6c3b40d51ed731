"""Outputs of student cells, cleaned by whoever receives them from a sandbox."""

from __future__ import annotations

import re
from typing import Any

import bleach
from bleach.css_sanitizer import CSSSanitizer

from course.grading.recorder import PICTURES, Recorder

TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "div", "dl", "dt", "em"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "small"),
    *("span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
    *("tt", "u", "ul", "img"),
}
ATTRIBUTES = {"*": ["class", "style", "title", "align"], "td": ["colspan", "rowspan"]}
ATTRIBUTES |= {"th": ["colspan", "rowspan"], "a": ["href"], "img": ["src", "alt", "width"]}
STYLES = ["color", "background-color", "font-weight", "font-style", "text-align", "white-space"]
BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


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


def _clean_data(data: dict[str, Any]) -> dict[str, str]:
    bundle = {
        mime: _text(data[mime]) for mime in ("text/plain", "text/html", *PICTURES) if mime in data
    }
    if "text/html" in bundle:
        bundle["text/html"] = clean_html(bundle["text/html"])
    for mime in PICTURES:
        if mime in bundle and not BASE64.fullmatch(bundle[mime]):
            del bundle[mime]
    return bundle or {"text/plain": ""}


def _standard(output: dict[str, Any]) -> dict[str, Any]:
    return output | {"metadata": {}} if output["output_type"] == "display_data" else output


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
