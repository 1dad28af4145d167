"""Reference model of runs of A, B and C, written from the design without code of the packages."""

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .reference import NumberedRecord, decode_text, split_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

type _Outcome = tuple[str | None, object]
type _Records = list[NumberedRecord] | list[tuple[int, tuple[object, ...]]]

_JOBS = "ABC"

_TIME = "2026-01-02T03:04:05"
ORDER_HEADER = "id,customer,amount,placed_at,note\n"
ORDER_ROWS: "Mapping[str, tuple[object, ...] | str | None]" = {
    f"1,x,1.25,{_TIME},": (1, "x", "1.25", _TIME, None),
    f'2,"two\nlines",2.50,{_TIME},größe': (2, "two\nlines", "2.50", _TIME, "größe"),
    "": None,
    f"x,x,1.00,{_TIME},": "type",
    f"1,x,1.00,{_TIME},,": "columns",
}
"""Rows for the pipeline in `orders_pipeline.py`: their values, the kind of the reject, or None if blank."""


class RunModel:
    """Expected content of a folder and its database.

    Args:
        folder: absolute path; documents are written to `out` in it.

    Attributes:
        inputs: content of each input file of lines.
        tables: rows of each input file of orders, each a key of `ORDER_ROWS`.
        outputs: source and records of each document.
        batches: source, records and status of each batch, in order of their ids.

    Of orders, a record is the tuple of its values, and a reject that of its kind and its text.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs: dict[Path, bytes] = {}
        self.tables: dict[Path, Sequence[str]] = {}
        self.outputs: dict[Path, tuple[str, _Records]] = {}
        self.batches: list[tuple[str, _Records, str]] = []

    def document_of(self, file: Path) -> Path:
        """Return the path of a file's document; the plain name belongs to the first source that used it."""
        plain = self.folder / "out" / f"{file.stem}_processed.json"
        if self.outputs.get(plain, (file.as_uri(),))[0] == file.as_uri():
            return plain
        mark = hashlib.sha256(file.as_uri().encode()).hexdigest()[:8]
        return plain.with_name(f"{file.stem}_{mark}_processed.json")

    def run(
        self, value: object, start: str, stop: str, policy: str, max_rejects: str | None = None
    ) -> tuple[str | None, int | None, bool]:
        """Run a range of jobs; return the error code, the batch id, and whether it is a duplicate.

        The jobs are those of the orders if `max_rejects` is given.
        """
        duplicate, batch = False, None
        jobs: dict[str, Callable[[Any, str], _Outcome]] = {"A": self._a, "B": self._b, "C": self._c}
        if max_rejects is not None:
            jobs["A"] = partial(self._write_orders, max_rejects)
        for job in _JOBS[_JOBS.index(start) : _JOBS.index(stop) + 1]:
            code, value = jobs[job](value, policy)
            if code not in (None, "duplicate"):
                return code, batch, duplicate
            duplicate |= code == "duplicate"
            batch = value if isinstance(value, int) else None
        return None, batch, duplicate

    def run_own_job(
        self, file: Path, failure: str | None, policy: str
    ) -> tuple[str | None, int | None, bool]:
        """Run a job of one's own that reads a file and hands its records to B, or fails; then B and C."""
        code, text = self._read(file)
        failure = code if code in {"input.missing", "input.undecodable"} else failure or code
        if failure:
            return failure, None, False
        code, batch = self._load(file.as_uri(), split_lines(str(text))[0], policy)
        if isinstance(batch, int):
            self._c(batch, policy)
            return None, batch, code == "duplicate"
        return code, None, False

    def _read(self, file: Path) -> _Outcome:
        if file not in self.inputs:
            return "input.missing", None
        try:
            text = decode_text(self.inputs[file], "utf-8")
        except UnicodeError:
            return "input.undecodable", None
        return ("input.nul" if "\0" in text else None), text

    def _a(self, file: Path, _policy: str) -> _Outcome:
        code, text = self._read(file)
        if code:
            return code, None
        path = self.document_of(file)
        self.outputs[path] = (file.as_uri(), split_lines(str(text))[0])
        return None, path

    def _write_orders(self, max_rejects: str, file: Path, _policy: str) -> _Outcome:
        if file not in self.tables:
            return "input.missing", None
        records: list[tuple[int, tuple[object, ...]]] = []
        rejected, line = False, 2
        for row in self.tables[file]:
            match ORDER_ROWS[row]:
                case str(kind):
                    records.append((line, (kind, row)))
                    rejected = True
                case tuple(values):
                    records.append((line, values))
            line += row.count("\n") + 1
        if rejected and max_rejects == "0":
            return "input.rejects", None
        path = self.document_of(file)
        self.outputs[path] = (file.as_uri(), records)
        return None, path

    def _b(self, value: Path | list[str], policy: str) -> _Outcome:
        if isinstance(value, list):
            return self._load("memory:", list(enumerate(value, 1)), policy)
        return self._load(*self.outputs[value], policy)

    def _load(self, uri: str, records: _Records, policy: str) -> _Outcome:
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
