"""Bytes to records: how a file is decoded and where its lines end."""

import codecs
from collections.abc import Iterable, Iterator
from contextlib import suppress

from .errors import InputError
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
    """

    def __init__(self, where: str, encoding: str = "utf-8") -> None:
        self.where = where
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
            InputError: ``input.undecodable``, ``input.nul`` or ``input.surrogate``, naming the line.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        mark = "\ufeff" if self.encoding in _KEEPS_MARK else ""
        fed = 0
        carry = ""
        for block in _with_end(blocks):
            state = decoder.getstate()
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                bad = getattr(error, "start", 0)
                decoder.setstate(state)
                before = carry
                with suppress(UnicodeError):  # some codecs refuse it too, as UTF-16 does without its mark
                    before += decoder.decode(block[: max(0, bad - len(state[0]))])
                raise self._undecodable(fed - len(state[0]) + bad, before) from error
            fed += len(block)
            if mark and text:
                text, mark = text.removeprefix(mark), ""
            carry += text
            # A CR at the very end may be the first half of a CRLF.
            end = max(carry.rfind("\n"), carry.rfind("\r", 0, -1)) + 1
            if end:
                text, carry = carry[:end], carry[end:]
                yield from self._records(text)
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
        records = [Record(n, line) for n, line in enumerate(lines, first) if line and not line.isspace()]
        self.lines += len(lines)
        self.records += len(records)
        if records:
            try:
                yield Chunk(records)
            except UnicodeEncodeError as error:  # UTF-7 decodes to them
                where = f"{self.where}, lines {first} to {self.lines}"
                raise InputError("input.surrogate", f"{where}: a lone surrogate is no text") from error

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
