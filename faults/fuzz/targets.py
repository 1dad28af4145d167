"""Fuzz targets: functions that take any bytes and raise only for a fault."""

import json
import os
import re
import resource
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest.mock import patch

import msgspec
from sweep import require

from pipeline_jobs import InputError, JobA, parse_batch_id
from pipeline_jobs.documents import handwritten, pieces, reader, strict_json
from pipeline_jobs.documents.header import parse_header
from pipeline_jobs.documents.splitter import LineSplitter
from pipeline_jobs.documents.writer import parse_head
from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.input import LocalInput
from pipeline_orchestration import PipelineConfig, UsageError
from pipeline_orchestration.engines.prefect.api_url import find_api_url
from pipeline_orchestration.inputs import MEMORY, RunInput, from_text, to_text

from .hostile_server import serve_answers
from .reference import NumberedRecord, RefusedError, decode_text, parse_document, parse_json, split_lines
from .row_targets import fuzz_row_document, fuzz_rows

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
_BLOCKS = [1, 2, 3, 5, 16, 64]
_ESCAPE = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[nrt])")
_SETTINGS = [
    *("OUTPUT_DIR", "DB_PATH", "LOG_LEVEL", "ENGINE", "PIPELINE", "ON_DUPLICATE", "ENCODING", "BUSY_TIMEOUT"),
]
_SETTINGS_KILOBYTES = 500_000
_folder: list[Path] = []


def fuzz_splitter(data: bytes) -> None:
    """Split bytes into records: the same ones for every block size, and those of the reference."""
    encoding = _ENCODINGS[data[0] % len(_ENCODINGS)] if data else "utf-8"
    block = _BLOCKS[data[1] % len(_BLOCKS)] if data[1:] else 1
    data = data[2:]
    whole, in_blocks = _split(data, encoding, len(data) or 1), _split(data, encoding, block)
    require(whole == in_blocks, encoding, block, whole, in_blocks)
    try:
        text = decode_text(data, encoding)
    except UnicodeError:
        require(whole is None, encoding, "is undecodable", whole)
        return
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        require(whole is None, encoding, "holds characters that are not text", whole)
        return
    require(whole == split_lines(text), encoding, whole, split_lines(text))


def _split(data: bytes, encoding: str, block: int) -> tuple[list[NumberedRecord], int] | None:
    lines = LineSplitter("x", encoding)
    blocks = [data[start : start + block] for start in range(0, len(data), block)]
    try:
        records = [(each.line_number, each.content) for chunk in lines.split(blocks) for each in chunk]
    except InputError:
        return None
    return records, lines.lines


def fuzz_document(data: bytes) -> None:
    """Read a document: the records of the reference or a refusal, for every block size."""
    block = (3, 7, 64, 1 << 20)[data[0] % 4] if data else 3
    data = data[1:]
    try:
        expected = sorted(parse_document(parse_json(data)))
    except RefusedError:
        expected = None
    path = _get_work_folder() / "x.json"
    path.write_bytes(data)
    with ExitStack() as stack:
        for module in (pieces, strict_json):
            stack.enter_context(patch.object(module, "BLOCK", block))
        stack.enter_context(patch.object(handwritten, "CHUNK", 2))
        found = _read_or_refuse(path)
    path.unlink()
    require(expected == found, expected, found)


def _read_or_refuse(path: Path) -> list[NumberedRecord] | None:
    try:
        found = sorted(_read(path))
        source = reader.read_source(path)
        require(source is None or source.uri, source)
    except InputError as error:
        require(str(error).isprintable(), str(error))
        return None
    return found


def _read(path: Path) -> list[NumberedRecord]:
    with LocalInput(path) as file:
        chunks = reader.read_file(file).chunks
        return [(each.line_number, each.content) for chunk in chunks for each in chunk]


def fuzz_identifier(data: bytes) -> None:
    """Parse a batch id: decimal text below 2^63 and nothing else."""
    text = data.decode("utf-8", "surrogateescape")
    expected = int(text) if re.fullmatch("[1-9][0-9]{0,18}", text) else 0
    number = int.from_bytes(data, signed=True)
    for value, id_ in ((text, expected), (number, number)):
        try:
            found = parse_batch_id(value)
        except InputError as error:
            require(not 0 < id_ < 2**63, value, error)
            require(str(error).isprintable(), str(error))
        else:
            require(found == id_ and 0 < id_ < 2**63, value, found)


def fuzz_settings(data: bytes) -> None:
    """Load settings from a file or the environment: a configuration or a printable error."""
    kind, content = (data[0] if data else 0), data[1:]
    environment = dict(os.environ)
    here = Path.cwd()
    os.chdir(_get_work_folder())
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
            require(error.code == "usage.setting", error.code)
            require(str(error).isprintable(), str(error))
        else:
            require(not isinstance(loaded.output_dir, Path) or loaded.output_dir.is_absolute(), loaded)
    finally:
        for name in ("pipeline.toml", "pyproject.toml"):
            Path(name).unlink(missing_ok=True)
        os.chdir(here)
        os.environ.clear()
        os.environ.update(environment)


def fuzz_settings_file(data: bytes) -> None:
    """Load a settings file that somebody else put there: it takes no time, and little memory.

    The parts of the data, between bytes that are no UTF-8, are the start of the file, what is repeated in it,
    and its end.
    """
    kind, times = (data[0] if data else 0), 1 << (data[1] % 18 if data[1:] else 0)
    start, repeated, end = [*data[2:].split(b"\xff", 2), b"", b"", b""][:3]
    here = Path.cwd()
    path = _get_work_folder() / ("pipeline.toml", "pyproject.toml", "prefect.toml")[kind % 3]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    match kind // 3 % 8:
        case 0:
            os.mkfifo(path)
        case 1:
            path.symlink_to("/dev/zero")
        case 2:
            path.symlink_to(path)
        case _:
            path.write_bytes(start + repeated * min(times, (2 << 20) // (len(repeated) or 1)) + end)
    os.chdir(path.parent)
    try:
        PipelineConfig.load()
        find_api_url({"PREFECT_PROFILES_PATH": "none"})
    except (UsageError, ValueError) as error:
        require(str(error), "no words")
    finally:
        path.unlink()
        os.chdir(here)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    require(grown < _SETTINGS_KILOBYTES, f"{grown} kB")


def fuzz_web(data: bytes) -> None:
    """Read a file from a web server that answers with any bytes: a document, or a refusal in words.

    The answers to the requests, one after another, stand between bytes 0xFF.
    """
    folder = _get_work_folder() / "out"
    with serve_answers(data.split(b"\xff")) as url:
        result = JobA(folder).execute(f"{url}/x.txt")
    require(result.success or str(result.code).startswith("input."), result.code, result.error)
    require(str(result.error).isprintable(), result.error)
    if result.success:
        with LocalInput(Path(str(result.unwrap()))) as file:
            chunks = list(reader.read_file(file).chunks)
            require(sum(map(len, chunks)) == result.counts["records"])
    else:
        require(not folder.exists() or not list(folder.iterdir()), "something is left")
    shutil.rmtree(folder, ignore_errors=True)


def fuzz_terminal(data: bytes) -> None:
    """Escape text: the result is printable, escaping it again changes nothing, and nothing is lost."""
    for text in (data.decode("utf-8", "surrogateescape"), data.decode("utf-32", "replace")):
        found = escape(text)
        require(found.isprintable(), found)
        require(escape(found) == found, found)
        if "\\" not in text and not re.search("[\udc80-\udcff]", text):
            back = _ESCAPE.sub(lambda each: each[0].encode().decode("unicode_escape"), found)
            require(back == text, text, back)


def fuzz_header(data: bytes) -> None:
    """Recognise the head of a document: only if the strict parser reads it the same way."""
    recognised = parse_head(data)
    with suppress(RefusedError):
        values = parse_json(data)
        if isinstance(values, dict):
            with suppress(InputError):
                parse_header(values, "x")
    if recognised:
        completed = json.loads(data[: recognised.length] + b"]}")
        require(completed.pop("records") == [], completed)
        schema = recognised.schema
        require(
            completed.pop("schema", None) == (schema and json.loads(msgspec.json.encode(schema))), completed
        )
        completed["version"] -= schema is not None  # the next version adds the schema, and nothing else
        strictly = parse_header(completed, "x").origin
        require(strictly == recognised.source, strictly, recognised.source)


def fuzz_crossing(data: bytes) -> None:
    """Write inputs as text for Prefect and read them back: printable text, and the same input."""
    text = data.decode("utf-8", "surrogateescape")
    values: list[object] = [text, data.decode("utf-8", "replace"), len(data), [text]]
    with suppress(ValueError, RecursionError):
        values.append(json.loads(data))
    for value in values:
        run_input = RunInput.parse(value)
        sent = to_text(run_input)
        require(sent.isprintable(), sent)
        match value:
            case str() if not run_input.refusal and (sent == value or isinstance(run_input.value, Path)):
                require(from_text(sent) == run_input.value, value, sent)
            case str() | int():  # refused, unprintable, too long, or a number
                require(sent in (run_input.label, MEMORY), value, sent)
            case _:  # data never reach Prefect
                require(sent == MEMORY, value, sent)
    if "\0" not in text:
        path = Path("/data", text)
        require(from_text(to_text(RunInput.parse(path))) == path, path)


def set_work_folder(folder: Path) -> None:
    """Set the folder in which targets may write: an empty one, which they leave empty."""
    _folder[:] = [folder]


def _get_work_folder() -> Path:
    return _folder[0]


TARGETS: Mapping[str, Target] = {
    "crossing": fuzz_crossing,
    "document": fuzz_document,
    "header": fuzz_header,
    "identifier": fuzz_identifier,
    "row_document": lambda data: fuzz_row_document(_get_work_folder(), data),
    "rows": lambda data: fuzz_rows(_get_work_folder(), data),
    "settings": fuzz_settings,
    "settings_file": fuzz_settings_file,
    "splitter": fuzz_splitter,
    "terminal": fuzz_terminal,
    "web": fuzz_web,
}
"""The targets, by the name of their corpus folder."""
