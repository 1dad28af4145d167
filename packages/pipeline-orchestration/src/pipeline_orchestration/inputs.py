"""Inputs of a run: their labels, their text for Prefect's API, and the files in folders and patterns.

The text of an input is short:

a path              file:///data/x.txt   any file name as plain ASCII
a URL               s3://bucket/x.txt
an id, other text   7, customers
anything else       its label, such as ``memory``: data never reach Prefect
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote_to_bytes

from pipeline_jobs import InputError, PipelineError, Source, Url, parse_location
from pipeline_jobs.escaping import escape
from pipeline_jobs.storage.location import is_remote_url, is_url, make_source, redact_url

from .settings.config import PipelineConfig

if TYPE_CHECKING:
    from pipeline_jobs import Takes

MEMORY = "memory"
"""The label of data that was handed over in memory: it is never printed."""

STDIN_WORD = "-"
"""The word of a command line that stands for standard input."""

_REMOTE_STORE = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)
_LONGEST_TEXT = 4096  # characters; Prefect refuses parameters of over half a megabyte
_LONGEST_NUMBER = 2**100  # Python does not write out an integer of more than 4,300 digits
_DOCUMENT_SUFFIX = "_processed.json"
_DATABASE_SUFFIXES = ("", "-journal", "-wal", "-shm")  # SQLite keeps the last three beside a database
_FILE_URI = "file:///"


@dataclass(frozen=True, slots=True)
class Stream:
    """Standard input, or a pipe: it can be read once.

    Args:
        source: of the records in it.
        label: its name for a person.
        path: of a pipe; None for standard input.
    """

    source: Source
    label: str = field(compare=False)
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class RunInput:
    """An input as the engines hand it on; made by `parse`.

    Args:
        value: for the first job, unchanged; only the path of a file becomes an absolute ``Path``.
        label: its name for a person, printable and without a password.
        refusal: why no job may have the value: a URL with a password in it, say.
        word: names it in a command; None for what no command can name.
        origin: the source that a temporary file stands for; None for any other value.
    """

    value: object
    label: str
    refusal: PipelineError | None = None
    word: str | None = None
    origin: Source | None = None

    @classmethod
    def parse(cls, value: object, takes: "Takes | None" = None) -> Self:  # noqa: PLR0911  # one for each kind of value
        """Parse a value as a runner takes it.

        Args:
            value: any.
            takes: what text means for the first job. If it takes files, text that names an existing file
                becomes its path, and else only if the text has not the form of an id.
        """
        match value:
            case os.PathLike():
                try:
                    path = os.fsdecode(value)
                except TypeError:  # its __fspath__ returns neither text nor bytes: the job refuses it
                    return cls(value, MEMORY)
                return cls(Path(path).absolute(), escape(path), word=path)
            case str():
                return cls._parse_text(value, takes)
            case int() if abs(value) < _LONGEST_NUMBER:
                return cls(value, str(value), word=str(value))
            case Url():
                return cls(value, escape(str(value)), word=str(value))
            case Stream():
                return cls(value, value.label, origin=value.source)
        return cls(value, MEMORY)

    @classmethod
    def _parse_text(cls, text: str, takes: "Takes | None") -> Self:
        value: str | Path = text
        if is_url(text):
            try:
                location = parse_location(text)
            except InputError as error:  # also for a job that takes text, as inputs are stored and shown
                return cls(text, redact_url(text), error, text)
            if isinstance(location, Path) and takes != "text":
                value = location
        elif takes != "text" and not (takes != "files" and text.isdecimal()) and os.path.lexists(text):
            value = Path(text).absolute()
        return cls(value, escape(text), word=text)

    @property
    def remote_store(self) -> str | None:
        """Scheme and server of the remote store that the input is in; None if it is in none."""
        if not isinstance(self.value, str | Url):
            return None
        found = _REMOTE_STORE.match(str(self.value))
        return found[0] if found else None

    @property
    def source(self) -> Source | None:
        """The source of the records that a job makes of the input; None for data in memory.

        A file has its URI or URL, and any other text, such as the name of a table, ``input:`` and the text.
        """
        if self.origin:
            return self.origin
        try:
            match self.value:
                case Path() | Url() as location:
                    return make_source(location)
                case str() as text if is_url(text) and isinstance(url := parse_location(text), Url):
                    return make_source(url)
                case str() | int() if len(text := str(self.value)) <= _LONGEST_TEXT:
                    return Source(f"input:{quote(text)}", self.label)
        except (OSError, RuntimeError, ValueError, InputError):  # a loop of links, a lone surrogate
            pass
        return None

    @property
    def size(self) -> int:
        """Bytes of the input's file; 0 if it is no file here, or is missing."""
        if not isinstance(self.value, Path):
            return 0
        try:
            return os.stat(self.value).st_size  # noqa: PTH116  # the quickest way, for many files
        except (OSError, ValueError):
            return 0


def to_text(run_input: RunInput) -> str:
    """Return the text that stands for an input."""
    match run_input.value:
        case _ if run_input.refusal or run_input.origin:
            return run_input.label
        case Path() as path:
            try:
                return to_uri(path)
            except UnicodeEncodeError:  # a lone surrogate, which the job refuses
                return run_input.label
        case str() | Url() as value if len(text := str(value)) <= _LONGEST_TEXT and text.isprintable():
            return text
    return run_input.label


def from_text(text: str) -> Path | str:
    """Return the path that a file URI stands for; any other text as it is."""
    return (
        Path(os.fsdecode(unquote_to_bytes(text.removeprefix("file://"))))
        if text.startswith(_FILE_URI)
        else text
    )


def to_uri(path: Path | Url) -> str:
    """Return the absolute file URI of a path, plain ASCII whatever its name; a URL as it is."""
    return str(path) if isinstance(path, Url) else path.absolute().as_uri()


def expand_inputs(
    values: Iterable[object],
    config: PipelineConfig,
    *,
    documents: bool = False,
    takes: "Takes | None" = None,
) -> list[object]:
    """Replace folders and glob patterns by their files, sorted by path; list each file once.

    A folder stands for the regular files directly in it, a glob pattern for those that match; ``**`` in it
    means any folders. Left out are hidden files, the database of the run, and the documents in its output
    folder. In a remote store, a URL with a pattern or one that ends in ``/`` is expanded the same way.
    A name that exists just as it is written is taken literally, even if it looks like a pattern. Everything
    else (an id, data in memory, a file that is missing) is kept: the job refuses it with its own message.

    Args:
        values: as a runner takes them.
        config: of the run; tells its database and output folder.
        documents: keep the documents in the output folder, as job B needs.
        takes: what text means for the first job. If it takes files, a name of digits alone is a name too,
            and if it takes text, nothing is expanded.
    """
    if takes == "text":
        return list(values)
    own_files = _OwnFiles(config, documents=documents)
    seen: set[str] = set()
    expanded: list[object] = []
    for value in values:
        # As a path, a name of digits alone is not taken for an id.
        is_name = takes == "files" and isinstance(value, str) and value.isdecimal()
        for each in _expand(Path(str(value)) if is_name else value, own_files):
            identity = own_files.identify(each)
            if identity is None or identity not in seen:
                expanded.append(each)
            if identity is not None:
                seen.add(identity)
    return expanded


class _OwnFiles:
    """The files that runs write themselves, told from inputs by their real paths."""

    def __init__(self, config: PipelineConfig, *, documents: bool) -> None:
        self._resolve_folder = lru_cache(os.path.realpath)  # many files are usually in one folder
        folder = config.output_dir
        self._output_dir = None if documents or isinstance(folder, Url) else os.path.realpath(folder)
        database = os.path.realpath(config.db_path)
        self._database_files = {f"{database}{suffix}" for suffix in _DATABASE_SUFFIXES}

    def identify(self, value: object) -> str | None:
        """Return a text that is the same for the same file; None for a value that is no existing file."""
        if isinstance(value, str) and is_remote_url(value):
            return value
        if isinstance(value, Stream):
            return str(value.path or STDIN_WORD)
        path = _get_path(value)
        return self._resolve(path) if path is not None and os.path.lexists(path) else None

    def contain(self, path: str) -> bool:
        """Tell whether a run has written the file."""
        resolved = self._resolve(path)
        folder, _, name = resolved.rpartition("/")
        is_document = name.endswith(_DOCUMENT_SUFFIX) and folder == self._output_dir
        return is_document or resolved in self._database_files

    def _resolve(self, path: str) -> str:
        """Return the path that a batch names as its source: absolute, without symbolic links."""
        folder, name = os.path.split(path)
        resolved = os.path.join(self._resolve_folder(folder), name)  # noqa: PTH118  # ten times as fast as Path
        return os.path.realpath(resolved) if os.path.islink(resolved) else resolved  # noqa: PTH114  # same reason


def _expand(value: object, own_files: _OwnFiles) -> Iterator[object]:
    if isinstance(value, str) and is_remote_url(value):
        yield from _expand_remote(value)
        return
    path = _get_path(value)
    found: list[str] = []
    if path is None:
        pass
    elif os.path.isdir(path):  # noqa: PTH112  # text stays as it was written
        found = _list_folder(path)
    elif glob.has_magic(path) and not os.path.lexists(path):
        found = [each for each in glob.glob(path, recursive=True) if os.path.isfile(each)]  # noqa: PTH113, PTH207  # same reason
    files = sorted(each for each in found if not own_files.contain(each))
    if files:
        # As paths: a name of digits alone would be taken for an id.
        yield from map(Path, files)
    else:
        yield value


def _expand_remote(url: str) -> Iterator[str]:
    from pipeline_jobs.storage.listing import list_matches  # noqa: PLC0415  # 20 ms to import, for URLs only

    try:
        yield from list_matches(url)
    except InputError:  # the job reports it, as the failure of this input
        yield url


def _list_folder(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError:  # the job reports what is wrong with the folder
        return []


def _get_path(value: object) -> str | None:
    """Return the path that a value may name; None for an id, a URL and anything else."""
    if isinstance(value, str) and is_url(value):
        try:
            location = parse_location(value)
        except InputError:  # the job reports it
            return None
        value = None if isinstance(location, Url) else str(location)
    if isinstance(value, os.PathLike):
        try:
            value = os.fsdecode(value)
        except TypeError:  # its __fspath__ returns neither text nor bytes
            return None
    if not isinstance(value, str) or value.isdecimal() or "://" in value or "\0" in value:
        return None
    return value or None
