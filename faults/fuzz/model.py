"""What bytes and documents mean, written down from the design a second time, to compare the packages with.

Nothing of the packages is used here: where the two agree, they agree about the design.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Never

type Pair = tuple[int, str]

_END = re.compile("\r\n|\r|\n")
_MARKED = {"utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"}
_MAX = 2**63 - 1
_MOST_DIGITS = 40
_HEADER = {"format", "version", "source", "record_count", "records_sha256"}


class RefusedError(Exception):
    """A document means nothing."""


def text_of(data: bytes, encoding: str) -> str:
    """Return what bytes say, without a byte order mark.

    Raises:
        UnicodeError: nothing; UTF-16 and UTF-32 are to say which of their two orders they have.
    """
    text = data.decode(encoding)
    if encoding in ("utf-16", "utf-32"):
        marks = ("\ufeff".encode(f"{encoding}-{order}") for order in ("le", "be"))
        if data and not data.startswith(tuple(marks)):
            raise UnicodeError("no byte order mark")
        return text
    return text.removeprefix("\ufeff") if encoding in _MARKED else text


def lines_of(text: str) -> tuple[list[Pair], int]:
    """Return the records of a text without its byte order mark, and the number of its lines."""
    lines = _END.split(text)
    if not lines[-1]:
        lines.pop()
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()], len(lines)


def canonical(records: list[Pair]) -> bytes:
    """Return the records as they stand in a document, and as they are hashed."""
    objects = ({"line_number": number, "content": content} for number, content in records)
    return ",\n".join(
        json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in objects
    ).encode()


def written(document: bytes) -> object:
    """Return the value of a JSON text that everybody reads alike.

    Raises:
        RefusedError: it is none.
    """
    try:
        return json.loads(
            document.decode("utf-8-sig"),
            object_pairs_hook=_unique,
            parse_int=lambda text: int(_short(text)),
            parse_float=_finite,
            parse_constant=_refused,
        )
    except (ValueError, RecursionError) as error:
        raise RefusedError(error) from error


def meant(value: object) -> list[Pair]:
    """Return the records that a document, read already, stands for.

    Raises:
        RefusedError: it stands for none.
    """
    beside: dict[str, object] = {}
    if isinstance(value, dict):
        beside = {key: each for key, each in value.items() if key != "records"}
        value = value.get("records")
    if not isinstance(value, list):
        raise RefusedError(value)
    records = [_pair(each, position) for position, each in enumerate(value, 1)]
    if len({number for number, _ in records}) < len(records):
        raise RefusedError(records)
    for holds in _of_header(beside, records):
        if not holds:
            raise RefusedError(beside)
    return records


def _pair(value: object, position: int) -> Pair:
    if isinstance(value, str):
        value = {"content": value}
    if not isinstance(value, dict) or set(value) not in ({"content"}, {"content", "line_number"}):
        raise RefusedError(value)
    number, content = value.get("line_number", position), value["content"]
    if type(number) is not int or not 1 <= number <= _MAX or not isinstance(content, str):
        raise RefusedError(value)
    if "\0" in content or not _encodes(content):
        raise RefusedError(content)
    return number, content


def _of_header(beside: dict[str, object], records: list[Pair]) -> Iterator[bool]:
    yield set(beside) <= _HEADER
    yield beside.get("format", "pipeline-records") == "pipeline-records"
    yield repr(beside.get("version", 1)) == "1"
    match beside.get("source"):
        case None:
            pass
        case {"uri": str(uri), **more}:
            yield bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*", uri))
            yield set(more) <= {"name", "bytes", "sha256"}
            name, size, sha256 = more.get("name", ""), more.get("bytes"), more.get("sha256")
            yield isinstance(name, str) and "\0" not in name and _encodes(name)
            yield size is None or (type(size) is int and 0 <= size <= _MAX)
            yield sha256 is None or _is_hash(sha256)
        case _:
            yield False
    count, sha256 = beside.get("record_count"), beside.get("records_sha256")
    yield count is None or (type(count) is int and count == len(records))
    yield sha256 is None or sha256 == hashlib.sha256(canonical(records)).hexdigest()


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


def _encodes(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise RefusedError(pairs)
    return dict(pairs)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_DIGITS else _refused(text)


def _finite(text: str) -> float:
    number = float(_short(text))
    return number if abs(number) != float("inf") else _refused(text)


def _refused(text: str) -> Never:
    raise RefusedError(text)
