"""Line numbers of a document, each of which may occur once: checked in bounded memory, in any order."""

import heapq
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Self, cast

from pipeline_jobs.storage.atomic_writer import translate_temporary_file_errors

if TYPE_CHECKING:
    from types import TracebackType

_MAX_HELD = 1 << 20
"""Ranges in memory: 16 bytes each, and 40 more while they are sorted."""
_READ_BYTES = 1 << 14  # of each sorted part, when they are merged
_NUMBER_BYTES = 8


class LineNumbers:
    """The line numbers so far, kept as ranges of successive ones; a context manager.

    Whatever exceeds the memory for them goes into a temporary file, in parts that are sorted. No two ranges
    overlap if, with beginnings and ends sorted apart, each range ends before the next one begins.
    """

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._last = 0
        self._ascending = True
        self._file: BinaryIO | None = None
        self._parts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        if self._file:
            with suppress(OSError):  # what is not written yet is discarded with the rest
                self._file.close()

    def add(self, numbers: Sequence[int]) -> None:
        """Add the numbers of successive records.

        Raises:
            OutputError: the folder for temporary files is full, or cannot be written.
        """
        first = numbers[0]
        if numbers == list(range(first, first + len(numbers))):
            self._add_range(first, numbers[-1])
        else:
            for number in numbers:
                self._add_range(number, number)

    def find_repeated(self) -> int | None:
        """Return a number that was added twice, if there is one.

        Raises:
            OutputError: the temporary file cannot be read.
        """
        if self._ascending:
            return None
        firsts = heapq.merge(sorted(self._firsts), *self._read_parts(0))
        lasts = heapq.merge(sorted(self._lasts), *self._read_parts(1))
        next(firsts)
        with translate_temporary_file_errors():
            return next((first for first, last in zip(firsts, lasts, strict=False) if first <= last), None)

    def _add_range(self, first: int, last: int) -> None:
        if self._lasts and first == self._last + 1:
            self._lasts[-1] = last
        else:
            self._ascending = self._ascending and first > self._last
            if len(self._firsts) == _MAX_HELD:
                self._spill()
            self._firsts.append(first)
            self._lasts.append(last)
        self._last = last

    def _spill(self) -> None:
        import tempfile  # noqa: PLC0415  # 5 ms to import; few documents have so many gaps

        with translate_temporary_file_errors():
            if not self._file:
                self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed by __exit__
            for numbers in (self._firsts, self._lasts):
                self._file.write(array("q", sorted(numbers)))
                del numbers[:]
            self._file.flush()
        self._parts += 1

    def _read_parts(self, which: int) -> Iterable[Iterator[int]]:
        """Return the sorted parts in the file: the beginnings of ranges (0), or their ends (1)."""
        size = _MAX_HELD * _NUMBER_BYTES
        return [self._read_part((2 * part + which) * size, size) for part in range(self._parts)]

    def _read_part(self, start: int, size: int) -> Iterator[int]:
        descriptor = cast("BinaryIO", self._file).fileno()
        for offset in range(start, start + size, _READ_BYTES):
            yield from array("q", os.pread(descriptor, min(_READ_BYTES, start + size - offset), offset))
