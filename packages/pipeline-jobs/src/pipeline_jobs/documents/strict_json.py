"""Strict parsing of JSON from a file, value by value: anything that could be misread is refused.

Libraries were tried. ijson 3.6 crashes on a number of 5,000 digits (in its C backend), alters lone surrogates
and accepts repeated keys; json-stream 2.5 accepts repeated keys, NaN and text after the end; msgspec accepts
repeated keys and needs the whole text. The scanner of the standard library has none of these faults; this
module feeds it.
"""

import codecs
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Never

from pipeline_jobs.exceptions import InputError
from pipeline_jobs.storage.input import BLOCK

from .content_hints import HEAD, describe_content
from .size_limits import DEFAULT_MAX_RECORD_BYTES, compute_json_limit, make_size_error

if TYPE_CHECKING:
    from pipeline_jobs.storage.input import Input

_SPACE = re.compile(r"[ \t\n\r]*")
_MAX_DIGITS = 40
# How a number that is cut by the end of a block may continue, apart from digits.
_NUMBER_PARTS = frozenset({"", ".", "e", "E", "e+", "e-", "E+", "E-"})
# How far the decoder looks ahead at most: over -Infinity, or over an escape to the character after it.
_LOOK_AHEAD = 16
_UNCHECKED = 2 << 20
"""Characters that are decoded without a look at their structure: empty lists take 30 times as much."""
_MAX_PARTS = 1000
"""Strings, brackets and commas of a larger value: a record has two strings, and a header a few."""
_PART = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]},]', re.DOTALL)
_MAX_KEYS = 1000
_MAX_KEY_CHARACTERS = 1000
_ESCAPED = 6  # characters of an escape, as in \u0041, which stands for at least one byte


class _RefusedError(ValueError):
    """A value is valid JSON, but programs differ in what they read."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _build_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        repeated = next(name for name, times in names.items() if times > 1)
        raise _RefusedError("input.repeated_key", f"the key {repeated[:40]!r} is given twice")
    return found


def _parse_integer(text: str) -> int:
    _check_digits(text)
    return int(text)


def _parse_float(text: str) -> float:
    _check_digits(text)
    if not math.isfinite(number := float(text)):
        raise _RefusedError("input.number", f"the number {text} is too large")
    return number


def _check_digits(text: str) -> None:
    if len(text) > _MAX_DIGITS:
        raise _RefusedError("input.number", f"the number {text[:_MAX_DIGITS]}… has too many digits")


def _refuse_constant(text: str) -> Never:
    raise _RefusedError("input.number", f"{text} is not a JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_build_object,
    parse_int=_parse_integer,
    parse_float=_parse_float,
    parse_constant=_refuse_constant,
)


class JsonStream:
    """A cursor over the JSON text of a file, UTF-8 with or without a byte order mark.

    Args:
        file: read from its current position.
        max_record_bytes: limit on a record's content; no more of a value is held than a record of this size
            can take.

    Attributes:
        blocks: how often the file was read from.

    Every method raises ``InputError``: ``input.json`` for bad syntax, ``input.undecodable``,
    ``input.repeated_key``, ``input.number``, ``input.nesting``, ``input.record_size``, or ``input.shape`` for
    a large value that has more parts than a document's can have.
    """

    def __init__(self, file: "Input", max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES) -> None:
        self.blocks = 0
        self._file = file
        self._max_record_bytes = max_record_bytes
        self._max_value = compute_json_limit(max_record_bytes)
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._text = ""
        self._at = 0  # the cursor in the text
        self._lines_before = 0  # line ends before the text that is held
        self._column_before = 0  # characters between the last of them and the text
        self._bytes = 0
        self._ended = False
        self._read_more()
        if self._text.startswith("\ufeff"):
            self._at = 1

    def peek(self) -> str:
        """Return the next character that is not white space, without taking it; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it always matches
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._read_more()

    def expect(self, expected: str) -> None:
        """Take one character of punctuation."""
        if (found := self.peek()) != expected:
            raise self._make_syntax_error(
                f"expected {expected!r}, found {repr(found) if found else 'the end'}"
            )
        self._at += 1

    def read_value(self) -> object:
        """Take one whole value."""
        self.peek()
        while True:
            if len(self._text) - self._at > _UNCHECKED:
                self._check_parts()
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or self._is_final(error):
                    raise self._make_syntax_error(error.msg, error.pos) from error
                held = len(self._text)
            except _RefusedError as error:
                raise self._make_error(error.code, str(error)) from error
            except RecursionError as error:
                raise self._make_error("input.nesting", "nested too deep") from error
            else:
                held = end
                if end - self._at <= self._max_value and (
                    self._ended or self._text[end : end + 3] not in _NUMBER_PARTS
                ):
                    self._at = end
                    return value
            if held - self._at > self._max_value:
                raise make_size_error(self._describe_place(self._at), self._max_record_bytes)
            self._read_more()

    def iterate_items(self) -> Iterator[object]:
        """Take an array, yielding its values one by one."""
        self.expect("[")
        if self.peek() == "]":
            self.expect("]")
            return
        while True:
            yield self.read_value()
            if self.peek() == "]":
                self.expect("]")
                return
            self.expect(",")

    def iterate_keys(self) -> Iterator[str]:
        """Take an object of a thousand keys at most, yielding each; the caller takes the value after it."""
        self.expect("{")
        seen: set[str] = set()
        closed = self.peek() == "}"
        while not closed:
            if self.peek() != '"':
                raise self._make_syntax_error("expected a key in double quotes")
            key = str(self.read_value())
            if key in seen:
                raise self._make_error("input.repeated_key", f"the key {key[:40]!r} is given twice")
            if len(seen) == _MAX_KEYS:
                raise self._make_error("input.shape", f"an object of more than {_MAX_KEYS} keys")
            if len(key) > _MAX_KEY_CHARACTERS:
                raise self._make_error("input.shape", f"a key of more than {_MAX_KEY_CHARACTERS} characters")
            seen.add(key)
            self.expect(":")
            yield key
            closed = self.peek() == "}"
            if not closed:
                self.expect(",")
        self.expect("}")

    def expect_end(self) -> None:
        """Check that nothing follows."""
        if self.peek():
            raise self._make_syntax_error("expected the end")

    def _read_more(self) -> None:
        # As much as is already held, if the limit allows: a long value is then scanned a few times, not once
        # for each block.
        held = len(self._text) - self._at
        block = self._file.read(max(BLOCK, min(held, self._max_value - held)))
        self.blocks += 1
        undecoded = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            offset = self._bytes - undecoded + error.start
            line = self._find_line(len(self._text)) + error.object[: error.start].count(b"\n")
            message = f"{self._file.where}, byte {offset}, line {line}: not utf-8"
            if hint := describe_content(block[:HEAD]) if offset < HEAD else None:
                message += f"; {hint.partition(':')[0]}, and a document is plain JSON in UTF-8"
            raise InputError("input.undecodable", message) from error
        self._bytes += len(block)
        self._ended = not block
        taken = self._text[: self._at]
        self._lines_before += taken.count("\n")
        self._column_before = (
            len(taken) - taken.rfind("\n") - 1 + (0 if "\n" in taken else self._column_before)
        )
        self._text = self._text[self._at :] + text
        self._at = 0

    def _check_parts(self) -> None:
        """Refuse a large value that no document has, before it is decoded and takes many times its size."""
        depth = 0
        for number, part in enumerate(_PART.finditer(self._text, self._at), 1):
            start, end = part.span()
            match self._text[start]:
                case "[" | "{":
                    depth += 1
                case "]" | "}":
                    depth -= 1
                case '"':
                    escapes = self._text.count("\\", start, end)
                    if end - start - 2 - (_ESCAPED - 1) * escapes > self._max_record_bytes:
                        raise make_size_error(self._describe_place(self._at), self._max_record_bytes)
            if depth <= 0:
                return
            if number == _MAX_PARTS:
                text = f"a value of more than {_MAX_PARTS} parts, which is no record"
                raise self._make_error("input.shape", text)

    def _is_final(self, error: json.JSONDecodeError) -> bool:
        """Return whether the error stays, whatever follows; only an open string may continue for long."""
        decided = error.pos + _LOOK_AHEAD <= len(self._text)
        return decided and not error.msg.startswith("Unterminated string")

    def _find_line(self, position: int) -> int:
        return self._lines_before + self._text.count("\n", 0, position) + 1

    def _describe_place(self, position: int) -> str:
        line_end = self._text.rfind("\n", 0, position)
        column = position - line_end if line_end >= 0 else self._column_before + position + 1
        return f"{self._file.where}, line {self._find_line(position)}, column {column}"

    def _make_error(self, code: str, text: str) -> InputError:
        return InputError(code, f"{self._file.where}, line {self._find_line(self._at)}: {text}")

    def _make_syntax_error(self, text: str, position: int | None = None) -> InputError:
        place = self._describe_place(self._at if position is None else position)
        return InputError("input.json", f"{place}: invalid JSON: {text}")
