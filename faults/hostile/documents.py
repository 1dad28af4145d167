"""Hostile documents: loaded or refused in bounded memory and linear time."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from sweep import Point

from .bounded import run_bounded

type _Pieces = Iterator[str]


def _write_unknown_keys(size: int) -> _Pieces:
    yield "{"
    yield from (f'"key{number}":{number},' for number in range(size // 20))
    yield '"records":["a"]}'


def _write_long_keys(size: int) -> _Pieces:
    yield "{"
    yield from (f'"{number:0100000}":0,' for number in range(size // 100_000))
    yield '"records":["a"]}'


def _write_unknown_source_keys(size: int) -> _Pieces:
    yield '{"source":{"uri":"file:///x"'
    yield from (f',"{number}":0' for number in range(min(size, 2_000_000) // 12))
    yield '},"records":["a"]}'


def _write_nested_element(part: str, size: int) -> _Pieces:
    yield '["a",['
    yield from (part * 1000 for _ in range(size // len(part) // 1000))
    yield "0]]"


def _write_nested_header(size: int) -> _Pieces:
    yield '{"source":['
    yield from ("[]," * 1000 for _ in range(size // 3000))
    yield '[]],"records":["a"]}'


def _write_many_small_elements(size: int) -> _Pieces:
    yield "["
    yield from ('{"content":""},' * 1000 for _ in range(size // 15_000))
    yield '"a"]'


def _write_descending_numbers(size: int) -> _Pieces:
    yield "["
    yield from (f'{{"content":"","line_number":{number}}},' for number in range(size // 25, 0, -1))
    yield f'{{"content":"","line_number":{size}}}]'


def _write_repeated_number(size: int) -> _Pieces:
    yield "["
    yield from (f'{{"content":"","line_number":{2 * number}}},' for number in range(1, size // 25))
    yield '{"content":"","line_number":2}]'


def _write_repeated_key(size: int) -> _Pieces:
    yield '[{"content":"a"'
    yield from (f',"{number}":0' for number in range(min(size, 2_000_000) // 12))
    yield ',"last":1,"last":2}]'


def _write_long_string(character: str, size: int) -> _Pieces:
    yield '["\N{PARTY POPPER}'
    yield from (character * 1000 for _ in range(size // len(character) // 1000))
    yield '"]'


def _write_white_space(size: int) -> _Pieces:
    yield '["a"'
    yield from (" \n" * 1000 for _ in range(size // 2000))
    yield "]"


def _write_long_number(size: int) -> _Pieces:
    yield "[1"
    yield from ("7" * 1000 for _ in range(size // 1000))
    yield "]"


def _write_deep_element(size: int) -> _Pieces:
    yield from ("[" * 1000 for _ in range(size // 1000))


def _write_unclosed_string(size: int) -> _Pieces:
    yield '[{"content":"'
    yield from ('\\"' * 1000 for _ in range(size // 2000))


_WRITERS: dict[str, Callable[[int], _Pieces]] = {
    "unknown keys": _write_unknown_keys,
    "long unknown keys": _write_long_keys,
    "unknown keys in the source": _write_unknown_source_keys,
    "an element of empty lists": partial(_write_nested_element, "[],"),
    "an element of objects": partial(_write_nested_element, '{"":0},'),
    "an element of numbers": partial(_write_nested_element, "0,"),
    "an element of strings": partial(_write_nested_element, '"",'),
    "a header of empty lists": _write_nested_header,
    "empty records": _write_many_small_elements,
    "descending line numbers": _write_descending_numbers,
    "a line number that comes again at the end": _write_repeated_number,
    "a repeated last key": _write_repeated_key,
    "a long string": partial(_write_long_string, "a"),
    "a long string of escapes": partial(_write_long_string, "\\u0041"),
    "white space": _write_white_space,
    "a long number": _write_long_number,
    "deep nesting": _write_deep_element,
    "a string without an end": _write_unclosed_string,
}

_SLOW = {"empty records", "descending line numbers", "a line number that comes again at the end"}
"""Kinds of many records, each of which takes some 10 µs: they are smaller."""


def make_document_points(chance: Random) -> list[Point]:
    """Make a point for each kind of hostile document, too large to be kept whole."""
    points = []
    for kind, write in _WRITERS.items():
        size = chance.randrange(30_000_000, 60_000_000) // (20 if kind in _SLOW else 1)
        points.append(Point(f"a document of {size} bytes: {kind}", partial(_check_document, write, size)))
    return points


def _check_document(write: Callable[[int], _Pieces], size: int, folder: Path) -> str:
    with (folder / "x.json").open("w", encoding="utf-8") as file:
        file.writelines(write(size))
    return run_bounded(["run", "--start-from", "B", "x.json"], folder)
