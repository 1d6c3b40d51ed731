"""What a cell prints and shows, recorded inside the sandbox."""

from __future__ import annotations

import io
from typing import Any

PICTURES = ("image/png", "image/jpeg")
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
