"""What is fuzzed: functions that are given any bytes and raise for a fault, for nothing else."""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline_jobs import InputError, batch_id, handwritten, input_file, reading, shown, strict_json
from pipeline_jobs.document import recognised_head
from pipeline_jobs.header import header as parsed
from pipeline_jobs.splitting import LineSplitter
from pipeline_orchestration import PipelineConfig, UsageError
from pipeline_orchestration.crossing import crossed, restored

from .model import Pair, RefusedError, lines_of, meant, text_of, written

type Target = Callable[[bytes], None]

_ENCODINGS = [
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "utf-7",
    "cp1252",
    "shift_jis",
    "gb18030",
    "iso2022_jp",
]
_CHUNK = handwritten.CHUNK
_BLOCKS = [1, 2, 3, 5, 16, 64]
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[nrt])")
_SETTINGS = [
    *("OUTPUT_DIR", "DB_PATH", "LOG_LEVEL", "ENGINE", "PIPELINE", "ON_DUPLICATE", "ENCODING", "BUSY_TIMEOUT"),
]
_folder: list[Path] = []


class FaultError(Exception):
    """A promise is broken."""


def must(holds: object, *said: object) -> None:
    """Raise unless a promise holds."""
    if not holds:
        raise FaultError(*said)


def splitter(data: bytes) -> None:
    """Split bytes: the same records however they are cut, and those of the model."""
    encoding = _ENCODINGS[data[0] % len(_ENCODINGS)] if data else "utf-8"
    block = _BLOCKS[data[1] % len(_BLOCKS)] if data[1:] else 1
    data = data[2:]
    whole, cut = _split(data, encoding, len(data) or 1), _split(data, encoding, block)
    must(whole == cut, encoding, block, whole, cut)
    try:
        text = text_of(data, encoding)
    except UnicodeError:
        must(whole is None, encoding, "is undecodable", whole)
        return
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        must(whole is None, encoding, "holds what is no text", whole)
        return
    must(whole == lines_of(text), encoding, whole, lines_of(text))


def _split(data: bytes, encoding: str, block: int) -> tuple[list[Pair], int] | None:
    lines = LineSplitter("x", encoding)
    blocks = [data[start : start + block] for start in range(0, len(data), block)]
    try:
        records = [(each.line_number, each.content) for chunk in lines.chunks(blocks) for each in chunk]
    except InputError:
        return None
    return records, lines.lines


def document(data: bytes) -> None:
    """Read a document: the records that it means to everybody, or a refusal, whatever the blocks."""
    block = (3, 7, 64, 1 << 20)[data[0] % 4] if data else 3
    data = data[1:]
    try:
        expected = sorted(meant(written(data)))
    except RefusedError:
        expected = None
    path = _place() / "x.json"
    path.write_bytes(data)
    modules = (reading, strict_json)
    for module in modules:
        module.BLOCK = block
    for module in (handwritten, reading):
        module.CHUNK = 2
    try:
        found = sorted(_read(path))
        source = reading.source_in(path)
        must(source is None or source.uri, source)
    except InputError as error:
        must(str(error).isprintable(), str(error))
        found = None
    finally:
        for module in modules:
            module.BLOCK = input_file.BLOCK
        for module in (handwritten, reading):
            module.CHUNK = _CHUNK
        path.unlink()
    must(expected == found, expected, found)


def _read(path: Path) -> list[Pair]:
    with input_file.InputFile(path) as file:
        chunks = reading.read_file(file).chunks
        return [(each.line_number, each.content) for chunk in chunks for each in chunk]


def identifier(data: bytes) -> None:
    """Parse a batch id: decimal text below 2^63 and nothing else."""
    text = data.decode("utf-8", "surrogateescape")
    expected = int(text) if re.fullmatch("[1-9][0-9]{0,18}", text) else 0
    number = int.from_bytes(data, signed=True)
    for value, id_ in ((text, expected), (number, number)):
        try:
            found = batch_id(value)
        except InputError as error:
            must(not 0 < id_ < 2**63, value, error)
            must(str(error).isprintable(), str(error))
        else:
            must(found == id_ and 0 < id_ < 2**63, value, found)


def settings(data: bytes) -> None:
    """Load settings from a file or the environment: a configuration, or a refusal that can be printed."""
    kind, content = (data[0] if data else 0), data[1:]
    environment = dict(os.environ)
    here = Path.cwd()
    os.chdir(_place())
    try:
        if kind % 4 < 2:  # half of them
            Path(("pipeline.toml", "pyproject.toml")[kind % 2]).write_bytes(content)
        else:
            os.environ["PIPELINE_" + _SETTINGS[kind // 4 % len(_SETTINGS)]] = os.fsdecode(
                content.replace(b"\0", b"")
            )
        try:
            loaded = PipelineConfig.load()
        except UsageError as error:
            must(error.code == "usage.setting", error.code)
            must(str(error).isprintable(), str(error))
        else:
            must(loaded.output_dir.is_absolute(), loaded)
    finally:
        for name in ("pipeline.toml", "pyproject.toml"):
            Path(name).unlink(missing_ok=True)
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


def terminal(data: bytes) -> None:
    """Show text: all of it prints, what prints already stays, and nothing is lost."""
    for text in (data.decode("utf-8", "surrogateescape"), data.decode("utf-32", "replace")):
        found = shown(text)
        must(found.isprintable(), found)
        must(shown(found) == found, found)
        if "\\" not in text and not re.search("[\udc80-\udcff]", text):
            back = _ESCAPE.sub(lambda each: each[0].encode().decode("unicode_escape"), found)
            must(back == text, text, back)


def header(data: bytes) -> None:
    """Recognise the head of a document: only one that the strict parser takes for the same."""
    recognised = recognised_head(data)
    with suppress(RefusedError):
        values = written(data)
        if isinstance(values, dict):
            with suppress(InputError):
                parsed(values, "x")
    if recognised:
        source, length = recognised
        beside = json.loads(data[:length] + b"]}")
        must(beside.pop("records") == [], beside)
        strictly = parsed(beside, "x").origin
        must(strictly == source, strictly, source)


def crossing(data: bytes) -> None:
    """Let values cross to an engine and back: the same value, and text that is harmless on the way."""
    text = data.decode("utf-8", "surrogateescape")
    values: list[object] = [text, data.decode("utf-8", "replace"), len(data), [text]]
    with suppress(ValueError, RecursionError):
        values.append(json.loads(data))
    for value in values:
        with suppress(InputError), crossed(value, _place()) as crossing_text:
            must(crossing_text.isprintable(), crossing_text)
            back = restored(crossing_text)
            # A path that exists comes back as one; not-a-number does not equal itself.
            must(
                repr(back) == repr(value) or (isinstance(back, Path) and isinstance(value, str)), value, back
            )
    if "\0" not in text:
        path = Path("/data", text)
        with suppress(UnicodeEncodeError), crossed(path, _place()) as crossing_text:
            must(restored(crossing_text) == path, path, crossing_text)


def work_in(folder: Path) -> None:
    """Say where targets may write: an empty folder, which stays empty."""
    _folder[:] = [folder]


def _place() -> Path:
    return _folder[0]


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (splitter, document, identifier, settings, terminal, header, crossing)
}
"""The targets by name."""
