"""Reference implementation of the text and document formats, to compare the packages with.

It is written from the design and uses no code of the packages, so that both agree only where both are right.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Never

type NumberedRecord = tuple[int, str]

_END = re.compile("\r\n|\r|\n")
_WITH_BYTE_ORDER_MARK = {"utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"}
_MAX = 2**63 - 1
_MAX_DIGITS = 40
_HEADER = {"format", "version", "source", "record_count", "records_sha256"}


class RefusedError(Exception):
    """A document has no valid meaning."""


def decode_text(data: bytes, encoding: str) -> str:
    """Decode bytes, and drop a byte order mark.

    Raises:
        UnicodeError: the bytes are undecodable, or UTF-16 or UTF-32 without a byte order mark.
    """
    text = data.decode(encoding)
    if encoding in ("utf-16", "utf-32"):
        marks = ("\ufeff".encode(f"{encoding}-{order}") for order in ("le", "be"))
        if data and not data.startswith(tuple(marks)):
            raise UnicodeError("no byte order mark")
        return text
    return text.removeprefix("\ufeff") if encoding in _WITH_BYTE_ORDER_MARK else text


def split_lines(text: str) -> tuple[list[NumberedRecord], int]:
    """Return the records of a text, which has no byte order mark, and the number of its lines."""
    lines = _END.split(text)
    if not lines[-1]:
        lines.pop()
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()], len(lines)


def encode_records(records: list[NumberedRecord]) -> bytes:
    """Encode records as they are written into a document and hashed."""
    objects = ({"line_number": number, "content": content} for number, content in records)
    return ",\n".join(
        json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in objects
    ).encode()


def parse_json(document: bytes) -> object:
    """Parse JSON that every parser reads the same way.

    Raises:
        RefusedError: the text is not such JSON.
    """
    try:
        return json.loads(
            document.decode("utf-8-sig"),
            object_pairs_hook=_require_unique_keys,
            parse_int=lambda text: int(_require_short(text)),
            parse_float=_parse_float,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as error:
        raise RefusedError(error) from error


def parse_document(value: object) -> list[NumberedRecord]:
    """Return the records of a document that was parsed already.

    Raises:
        RefusedError: it is not a valid document.
    """
    header: dict[str, object] = {}
    if isinstance(value, dict):
        header = {key: each for key, each in value.items() if key != "records"}
        value = value.get("records")
    if not isinstance(value, list):
        raise RefusedError(value)
    records = [_parse_record(each, position) for position, each in enumerate(value, 1)]
    if len({number for number, _ in records}) < len(records):
        raise RefusedError(records)
    for holds in _check_header(header, records):
        if not holds:
            raise RefusedError(header)
    return records


def _parse_record(value: object, position: int) -> NumberedRecord:
    if isinstance(value, str):
        value = {"content": value}
    if not isinstance(value, dict) or set(value) not in ({"content"}, {"content", "line_number"}):
        raise RefusedError(value)
    number, content = value.get("line_number", position), value["content"]
    if type(number) is not int or not 1 <= number <= _MAX or not isinstance(content, str):
        raise RefusedError(value)
    if "\0" in content or not _is_encodable(content):
        raise RefusedError(content)
    return number, content


def _check_header(header: dict[str, object], records: list[NumberedRecord]) -> Iterator[bool]:
    yield set(header) <= _HEADER
    yield header.get("format", "pipeline-records") == "pipeline-records"
    yield repr(header.get("version", 1)) == "1"
    match header.get("source"):
        case None:
            pass
        case {"uri": str(uri), **more}:
            yield bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]*", uri))
            yield set(more) <= {"name", "bytes", "sha256"}
            name, size, sha256 = more.get("name", ""), more.get("bytes"), more.get("sha256")
            yield isinstance(name, str) and "\0" not in name and _is_encodable(name)
            yield size is None or (type(size) is int and 0 <= size <= _MAX)
            yield sha256 is None or _is_hash(sha256)
        case _:
            yield False
    count, sha256 = header.get("record_count"), header.get("records_sha256")
    yield count is None or (type(count) is int and count == len(records))
    yield sha256 is None or sha256 == hashlib.sha256(encode_records(records)).hexdigest()


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


def _is_encodable(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


def _require_unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise RefusedError(pairs)
    return dict(pairs)


def _require_short(text: str) -> str:
    return text if len(text) <= _MAX_DIGITS else _refuse(text)


def _parse_float(text: str) -> float:
    number = float(_require_short(text))
    return number if abs(number) != float("inf") else _refuse(text)


def _refuse(text: str) -> Never:
    raise RefusedError(text)
