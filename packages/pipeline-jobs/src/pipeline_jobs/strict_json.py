"""JSON from a file, value by value, stricter than ``json``: what could be misread is refused.

Streaming parsers were tried first: ijson's C backend crashes on long numbers, alters lone surrogates and
passes repeated keys. The scanner of the standard library has none of these faults; this module feeds it.
"""

import codecs
import json
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Never

from .errors import InputError
from .input_file import BLOCK
from .limits import MAX_RECORD_BYTES, json_limit, too_large

if TYPE_CHECKING:
    from .places import Input

_SPACE = re.compile(r"[ \t\n\r]*")
_MAX_DIGITS = 40
# What a number that the end of a block cuts may go on with, beside digits.
_MAY_GO_ON = frozenset({"", ".", "e", "E", "e+", "e-", "E+", "E-"})
# How far the decoder looks ahead at most: over -Infinity, and over an escape to what comes after it.
_LOOKS_AHEAD = 16


class _RefusedError(ValueError):
    """A value is JSON, but not one that means the same to everybody."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name in names if names.count(name) > 1)
        raise _RefusedError("input.repeated_key", f"the key {again[:40]!r} is given twice")
    return found


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise _RefusedError("input.number", f"the number {text[:_MAX_DIGITS]}… is beyond reason")
    return int(text)


def _float(text: str) -> float:
    if len(text) > _MAX_DIGITS:
        raise _RefusedError("input.number", f"the number {text[:_MAX_DIGITS]}… is beyond reason")
    if not math.isfinite(number := float(text)):
        raise _RefusedError("input.number", f"the number {text} is beyond reason")
    return number


def _constant(text: str) -> Never:
    raise _RefusedError("input.number", f"{text} is no JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


class JsonStream:
    """A cursor over the JSON text of a file, UTF-8 with or without a byte order mark.

    Args:
        file: read from where it stands.
        max_record_bytes: of a value, which may be a record, no more is held than one of this size can take.

    Attributes:
        blocks: how often the file was read from.

    Every method raises ``InputError``: ``input.json`` for bad syntax, ``input.undecodable``,
    ``input.repeated_key``, ``input.number``, ``input.nesting`` or ``input.record_size``.
    """

    def __init__(self, file: "Input", max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self.blocks = 0
        self._file = file
        self._limit = max_record_bytes
        self._most = json_limit(max_record_bytes)
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._text = ""
        self._at = 0
        self._lines = 0  # line ends in the text that was let go
        self._column = 0  # characters of it since the last of them
        self._bytes = 0
        self._ended = False
        self._more()
        if self._text.startswith("\ufeff"):
            self._at = 1

    def peek(self) -> str:
        """Return the next character that is no white space, without taking it; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches nothing too
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more()

    def take(self, expected: str) -> None:
        """Take one character of punctuation."""
        if (found := self.peek()) != expected:
            raise self._bad(f"expected {expected!r}, found {repr(found) if found else 'the end'}")
        self._at += 1

    def value(self) -> object:
        """Take one whole value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or self._is_final(error):
                    raise self._bad(error.msg, error.pos) from error
                held = len(self._text)
            except _RefusedError as error:
                raise InputError(
                    error.code, f"{self._file.where}, line {self._line(self._at)}: {error}"
                ) from error
            except RecursionError as error:
                line = self._line(self._at)
                raise InputError(
                    "input.nesting", f"{self._file.where}, line {line}: nested too deep"
                ) from error
            else:
                held = end
                if end - self._at <= self._most and (
                    self._ended or self._text[end : end + 3] not in _MAY_GO_ON
                ):
                    self._at = end
                    return value
            if held - self._at > self._most:
                raise too_large(self._place(self._at), self._limit)
            self._more()

    def items(self) -> Iterator[object]:
        """Take an array, yielding its values one by one."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.peek() == "]":
                self.take("]")
                return
            self.take(",")

    def members(self) -> Iterator[str]:
        """Take an object, yielding each key; the caller takes the value that follows it."""
        self.take("{")
        seen: set[str] = set()
        closed = self.peek() == "}"
        while not closed:
            if self.peek() != '"':
                raise self._bad("expected a key in double quotes")
            key = str(self.value())
            if key in seen:
                line = self._line(self._at)
                raise InputError(
                    "input.repeated_key",
                    f"{self._file.where}, line {line}: the key {key[:40]!r} is given twice",
                )
            seen.add(key)
            self.take(":")
            yield key
            closed = self.peek() == "}"
            if not closed:
                self.take(",")
        self.take("}")

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.peek():
            raise self._bad("expected the end")

    def _more(self) -> None:
        # As much as is held already, if it may: a long value is then scanned a few times, not once a block.
        held = len(self._text) - self._at
        block = self._file.read(max(BLOCK, min(held, self._most - held)))
        self.blocks += 1
        held = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = self._bytes - held + error.start
            line = self._line(len(self._text)) + error.object[: error.start].count(b"\n")
            message = f"{self._file.where}, byte {offset}, line {line}: not utf-8"
            raise InputError("input.undecodable", message) from error
        self._bytes += len(block)
        self._ended = not block
        gone = self._text[: self._at]
        self._lines += gone.count("\n")
        self._column = len(gone) - gone.rfind("\n") - 1 + (0 if "\n" in gone else self._column)
        self._text = self._text[self._at :] + text
        self._at = 0

    def _line(self, position: int) -> int:
        return self._lines + self._text.count("\n", 0, position) + 1

    def _is_final(self, error: json.JSONDecodeError) -> bool:
        """Return whether no text that follows can mend the error; only a string may go on for long."""
        decided = error.pos + _LOOKS_AHEAD <= len(self._text)
        return decided and not error.msg.startswith("Unterminated string")

    def _place(self, position: int) -> str:
        end = self._text.rfind("\n", 0, position)
        column = position - end if end >= 0 else self._column + position + 1
        return f"{self._file.where}, line {self._line(position)}, column {column}"

    def _bad(self, text: str, position: int | None = None) -> InputError:
        place = self._place(self._at if position is None else position)
        return InputError("input.json", f"{place}: no valid JSON: {text}")
