"""Splitting of a text file: bytes are decoded, and each line that is not blank becomes a record."""

import codecs
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

from pipeline_jobs.exceptions import InputError

from .content_hints import HEAD, describe_content
from .records import Chunk, Record
from .size_limits import DEFAULT_MAX_RECORD_BYTES, count_utf8_bytes, find_too_large, make_size_error

# These codecs leave a byte order mark in the text; UTF-16 and UTF-32 without an order in their name drop it.
_KEEPS_MARK = frozenset({"utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"})


def parse_encoding(name: str) -> str:
    """Return Python's name for a text encoding.

    Raises:
        InputError: ``input.encoding``: there is no such text encoding.
    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)  # raises for what is not a text encoding, such as base64
    except (LookupError, ValueError) as error:
        raise InputError("input.encoding", f"unknown text encoding {name!r}, try utf-8 or latin-1") from error
    return "utf-8" if found == "utf-8-sig" else found


class LineSplitter:
    """Splits blocks of bytes into lines, and makes records of those that are not blank.

    Lines end at LF, CRLF and CR only: ``str.splitlines`` would also split at U+2028, U+0085, VT and FF.

    Args:
        where: the input as errors name it.
        encoding: as `parse_encoding` returns it; decoded strictly, a byte order mark at the start is dropped.
        max_record_bytes: limit on a line in UTF-8, blank or not; no more than this of a longer one is held.
        is_stdin: whether the input has no name that could say how it is compressed.

    Attributes:
        lines: how many lines there were so far, blank ones included.
        records: how many of them were not blank. A blank line is empty, or only white space.
    """

    def __init__(
        self,
        where: str,
        encoding: str = "utf-8",
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        *,
        is_stdin: bool = False,
    ) -> None:
        self.where = where
        self.encoding = encoding
        self.max_record_bytes = max_record_bytes
        self._is_stdin = is_stdin
        self.lines = 0
        self.records = 0
        self._head = b""

    def split(self, blocks: Iterable[bytes]) -> Iterator[Chunk]:
        """Yield the records of the lines that each block completes.

        Raises:
            InputError: ``input.undecodable``, ``input.nul``, ``input.surrogate`` or ``input.record_size``,
                naming the line.
        """
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        mark = "\ufeff" if self.encoding in _KEEPS_MARK else ""
        decoded = size = 0
        line = half = ""  # a line that has not ended yet, and a CR after it that may be half of a CRLF
        for block in chain(blocks, [b""]):  # at the empty block, the decoder reports what was cut off
            self._head = self._head or block[:HEAD]
            state = decoder.getstate()
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as error:
                bad = getattr(error, "start", 0)
                decoder.setstate(state)
                before = half
                with suppress(UnicodeError):  # some codecs refuse this too, as UTF-16 does without its mark
                    before += decoder.decode(block[: max(0, bad - len(state[0]))])
                raise self._make_undecodable_error(decoded - len(state[0]) + bad, before) from error
            decoded += len(block)
            if mark and text:
                text, mark = text.removeprefix(mark), ""
            # A line may be a thousand blocks long: only the new text is searched, and appended in place.
            text = half + text
            half = "\r" if block and text.endswith("\r") else ""
            if end := max(text.rfind("\n"), text.rfind("\r", 0, len(text) - len(half))) + 1:
                line += text[:end]
                chunk = self._make_chunk(line)
                line, size = "", 0
                if chunk:
                    yield chunk
                del chunk  # it may be one long line: free it before the next block is read
            text = text[end : len(text) - len(half)]
            line += text
            size += count_utf8_bytes(text)
            if size > self.max_record_bytes:
                raise self._make_size_error(self.lines + 1)
        if line and (chunk := self._make_chunk(line)):
            yield chunk

    def _make_chunk(self, text: str) -> Chunk | None:
        """Make a chunk of the records in whole lines; None if all of them are blank."""
        if "\r" in text:
            text = _normalize_line_ends(text)
        first = self.lines + 1
        if text.isspace() and find_too_large([text], len(text), self.max_record_bytes) is None:
            # Blank lines by the million, as in a file made to take time: one by one, each takes 70 ns.
            self.lines += text.count("\n") + (not text.endswith("\n"))
            return None
        if "\0" in text:
            line = first + text.count("\n", 0, text.index("\0"))
            hint = _make_hint(self.encoding, self._head, is_stdin=self._is_stdin)
            text = f"{self.where}, line {line}: NUL characters are not allowed"
            raise InputError("input.nul", f"{text}; {hint}" if hint else text)
        lines = text.split("\n")
        if not lines[-1]:  # after the last LF there is no line
            lines.pop()
        if (too_large := find_too_large(lines, len(text), self.max_record_bytes)) is not None:
            raise self._make_size_error(first + too_large)
        records = [Record(n, line) for n, line in enumerate(lines, first) if line and not line.isspace()]
        self.lines += len(lines)
        self.records += len(records)
        if not records:
            return None
        try:
            return Chunk(records)
        except UnicodeEncodeError as error:  # UTF-7 decodes to lone surrogates
            where = f"{self.where}, lines {first} to {self.lines}"
            raise InputError("input.surrogate", f"{where}: lone surrogates are not allowed") from error

    def _make_size_error(self, line: int) -> InputError:
        return make_size_error(f"{self.where}, line {line}", self.max_record_bytes)

    def _make_undecodable_error(self, offset: int, before: str) -> InputError:
        line = self.lines + 1 + _normalize_line_ends(before).count("\n")
        return make_undecodable_error(
            self.where, offset, line, self.encoding, self._head, is_stdin=self._is_stdin
        )


def make_undecodable_error(
    where: str, offset: int, line: int, encoding: str, head: bytes, *, is_stdin: bool = False
) -> InputError:
    """Make the error for a file that has another encoding.

    Args:
        where: the input as errors name it.
        offset: of the first byte that cannot be decoded.
        line: that this byte is in, from 1.
        encoding: that the file was taken to have.
        head: the first bytes of the file, which may show what it is.
        is_stdin: whether it is standard input, which has no name.
    """
    hint = (
        _make_hint(encoding, head, is_stdin=is_stdin)
        or "if the file has another encoding, set it with --encoding"
    )
    return InputError("input.undecodable", f"{where}, byte {offset}, line {line}: not {encoding}; {hint}")


def _make_hint(encoding: str, head: bytes, *, is_stdin: bool) -> str | None:
    """Return what a file is, if it is not the text of one byte a character that it was taken for."""
    return None if encoding.startswith(("utf-16", "utf-32")) else describe_content(head, is_stdin=is_stdin)


def _normalize_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
