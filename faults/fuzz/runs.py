"""What runs of A, B and C come to, written down from the design a second time, without the packages."""

import hashlib
from pathlib import Path

from .model import Pair, lines_of, text_of

type _Outcome = tuple[str | None, object]

_JOBS = "ABC"


class Model:
    """What a folder and its database hold.

    Args:
        folder: absolute; documents go to `out` in it.

    Attributes:
        inputs: the bytes of each file.
        outputs: the source and the records of each document.
        batches: the source, the records and the status of each, in order.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs: dict[Path, bytes] = {}
        self.outputs: dict[Path, tuple[str, list[Pair]]] = {}
        self.batches: list[tuple[str, list[Pair], str]] = []

    def document_of(self, file: Path) -> Path:
        """Return where a file's document goes: the plain name is that of the first who came."""
        plain = self.folder / "out" / f"{file.stem}_processed.json"
        if self.outputs.get(plain, (file.as_uri(),))[0] == file.as_uri():
            return plain
        mark = hashlib.sha256(file.as_uri().encode()).hexdigest()[:8]
        return plain.with_name(f"{file.stem}_{mark}_processed.json")

    def run(self, value: object, start: str, stop: str, policy: str) -> tuple[str | None, int | None, bool]:
        """Run jobs in a row; return the code of the failure, the batch, and whether it was there already."""
        duplicate, batch = False, None
        for job in _JOBS[_JOBS.index(start) : _JOBS.index(stop) + 1]:
            code, value = {"A": self._a, "B": self._b, "C": self._c}[job](value, policy)
            if code not in (None, "duplicate"):
                return code, batch, duplicate
            duplicate |= code == "duplicate"
            batch = value if isinstance(value, int) else None
        return None, batch, duplicate

    def _a(self, file: Path, _policy: str) -> _Outcome:
        if file not in self.inputs:
            return "input.missing", None
        try:
            text = text_of(self.inputs[file], "utf-8")
        except UnicodeError:
            return "input.undecodable", None
        if "\0" in text:
            return "input.nul", None
        path = self.document_of(file)
        self.outputs[path] = (file.as_uri(), lines_of(text)[0])
        return None, path

    def _b(self, value: Path | list[str], policy: str) -> _Outcome:
        if isinstance(value, list):
            uri, records = "memory:", list(enumerate(value, 1))
        else:
            uri, records = self.outputs[value]
        same = {n: status for n, (*batch, status) in enumerate(self.batches, 1) if batch == [uri, records]}
        unfinished = [number for number, status in same.items() if status == "loaded"]
        if unfinished:
            return None, unfinished[-1]
        if same and policy == "error":
            return "batch.duplicate", None
        if same and policy == "skip":
            return "duplicate", max(same)
        self.batches.append((uri, records, "loaded"))
        return None, len(self.batches)

    def _c(self, number: int, _policy: str) -> _Outcome:
        if not 1 <= number <= len(self.batches):
            return ("batch.not_found" if number > 0 else "input.id"), None
        uri, records, _ = self.batches[number - 1]
        self.batches[number - 1] = (uri, records, "finalized")
        return None, number
