"""Bytes to records: how a file is decoded and where its lines end."""

import codecs
from collections.abc import Iterable, Iterator
from contextlib import suppress

from .errors import InputError
from .limits import MAX_RECORD_BYTES, first_too_large, too_large, utf8_size
from .records import Chunk, Record

# These leave a byte order mark in the text; UTF-16 and UTF-32 without an order in their name remove it.
_KEEPS_MARK = frozenset({"utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})


def text_encoding(name: str) -> str:
    """Return Python's name for a text encoding.

    Raises:
        InputError: ``input.encoding``: there is none of that name.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # refuses what is no text encoding, such as base64
    except (LookupError, ValueError) as error:
        raise InputError("input.encoding", f"unknown text encoding {name!r}, try utf-8 or latin-1") from error
    return "utf-8" if found == "utf-8-sig" else found


class LineSplitter:
    """Splits blocks of bytes into the records of their lines that are not blank.

    Lines end at LF, CRLF and CR only: ``str.splitlines`` would also split at U+2028, U+0085, VT and FF.

    Args:
        where: what to call the input in an error.
        encoding: how it is decoded, strictly; a byte order mark at its start is dropped.
        max_record_bytes: of a line in UTF-8, blank or not; of a longer one no more than this is ever held.
    """

    def __init__(self, where: str, encoding: str = "utf-8", max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self.where = where
        self.max_record_bytes = max_record_bytes
        self.encoding = text_encoding(encoding)
        self.lines = 0
        self.records = 0

    @property
    def blank(self) -> int:
        """How many lines so far were blank: empty, or only white space."""
        return self.lines - self.records

    def chunks(self, blocks: Iterable[bytes]) -> Iterator[Chunk]:
        """Yield the records of the lines that each block completes.

        Raises:
            InputError: ``input.undecodable``, ``input.nul``, ``input.surrogate`` or ``input.record_size``,
                naming the line.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        mark = "\ufeff" if self.encoding in _KEEPS_MARK else ""
        fed = size = 0
        carry = half = ""  # a line that has not ended yet, and a CR after it that may be half of a CRLF
        for block in _with_end(blocks):
            state = decoder.getstate()
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                bad = getattr(error, "start", 0)
                decoder.setstate(state)
                before = half
                with suppress(UnicodeError):  # some codecs refuse it too, as UTF-16 does without its mark
                    before += decoder.decode(block[: max(0, bad - len(state[0]))])
                raise self._undecodable(fed - len(state[0]) + bad, before) from error
            fed += len(block)
            if mark and text:
                text, mark = text.removeprefix(mark), ""
            # Only what is new is searched, and put behind the rest in place: a line may be a thousand blocks.
            text = half + text
            half = "\r" if block and text.endswith("\r") else ""
            if end := max(text.rfind("\n"), text.rfind("\r", 0, len(text) - len(half))) + 1:
                carry += text[:end]
                yield from self._records(carry)
                carry, size = "", 0
            text = text[end : len(text) - len(half)]
            carry += text
            size += utf8_size(text)
            if size > self.max_record_bytes:
                raise self._too_large(self.lines + 1)
        if carry:
            yield from self._records(carry)

    def _records(self, text: str) -> Iterator[Chunk]:
        if "\r" in text:
            text = _plain_ends(text)
        first = self.lines + 1
        if "\0" in text:
            line = first + text.count("\n", 0, text.index("\0"))
            raise InputError("input.nul", f"{self.where}, line {line}: a NUL character is no text")
        lines = text.split("\n")
        if not lines[-1]:  # after the last LF there is no line
            lines.pop()
        if (large := first_too_large(lines, len(text), self.max_record_bytes)) is not None:
            raise self._too_large(first + large)
        records = [Record(n, line) for n, line in enumerate(lines, first) if line and not line.isspace()]
        self.lines += len(lines)
        self.records += len(records)
        if records:
            try:
                yield Chunk(records)
            except UnicodeEncodeError as error:  # UTF-7 decodes to them
                where = f"{self.where}, lines {first} to {self.lines}"
                raise InputError("input.surrogate", f"{where}: a lone surrogate is no text") from error

    def _too_large(self, line: int) -> InputError:
        return too_large(f"{self.where}, line {line}", self.max_record_bytes)

    def _undecodable(self, offset: int, before: str) -> InputError:
        line = self.lines + 1 + _plain_ends(before).count("\n")
        place = f"{self.where}, byte {offset}, line {line}"
        hint = "if it is in another encoding, name that one"
        return InputError("input.undecodable", f"{place}: not {self.encoding}; {hint}")


def _plain_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Follow the blocks with an empty one, at which the decoder says what was cut off."""
    yield from blocks
    yield b""
