"""Folders and globs become the files they stand for, in an order that is the same each time."""

import glob
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from pipeline_jobs import InputError, Url, is_url

from .config import PipelineConfig
from .crossing import FILE, restored, uri

_DOCUMENTS = "_processed.json"
_BESIDE = ("", "-journal", "-wal", "-shm")  # what SQLite keeps beside a database


def expand_inputs(
    values: Iterable[object], config: PipelineConfig, *, documents: bool = False
) -> list[object]:
    """Return the inputs, with the files of a folder or glob in its place, each file once.

    A folder stands for the regular files in it, not for those in its folders, a glob for those that match, in
    which ``**`` means any folders: each sorted by path. Neither stands for what is hidden, for the
    database of the run, or for documents that a run has written to its output folder. Of a store, a URL with
    a pattern, or one that ends in ``/``, stands for files likewise. What is there under
    just that name is taken as it is, whatever characters it holds. An id, data in memory, and
    what stands for no file at all stay as they are: that, a job refuses in its own words.

    Args:
        values: as a runner takes them.
        config: of the run, for the places that are its own.
        documents: whether what a run has written to its output folder is wanted, as by job B.
    """
    places = _Places(config, documents=documents)
    seen: set[str] = set()
    expanded: list[object] = []
    for value in values:
        for each in _expanded(value, places):
            place = places.of(each)
            if place not in seen:
                expanded.append(each)
            if place is not None:
                seen.add(place)
    return expanded


def expanded_texts(texts: Iterable[str], config: PipelineConfig, *, documents: bool) -> Iterator[str]:
    """Yield inputs given as text, as to a flow run, with the files of folders and globs in their place."""
    for each in expand_inputs(texts, config, documents=documents):
        yield uri(each) if isinstance(each, Path) else str(each)


class _Places:
    """Where files are, and which of them a run itself has made."""

    def __init__(self, config: PipelineConfig, *, documents: bool) -> None:
        self._real = lru_cache(os.path.realpath)  # most of many files are in one folder
        made = config.output_dir
        self._documents = None if documents or isinstance(made, Url) else os.path.realpath(made)
        database = os.path.realpath(config.db_path)
        self._database = {f"{database}{end}" for end in _BESIDE}

    def of(self, value: object) -> str | None:
        """Return what tells a file from others; None for what is no file, or not there."""
        if isinstance(value, str) and is_url(value) and not value.startswith(FILE):
            return value
        path = _path_of(value)
        return self._real_path(path) if path is not None and os.path.lexists(path) else None

    def _real_path(self, path: str) -> str:
        """Return the path that a batch of the file names as its source: absolute, without symbolic links."""
        folder, name = os.path.split(path)
        place = os.path.join(self._real(folder), name)  # noqa: PTH118  # ten times as fast as with Path
        return os.path.realpath(place) if os.path.islink(place) else place  # noqa: PTH114  # as above

    def ours(self, path: str) -> bool:
        """Return whether a run has made the file, so that it is nobody's input."""
        place = self._real_path(path)
        folder, _, name = place.rpartition("/")
        return place in self._database or (name.endswith(_DOCUMENTS) and folder == self._documents)


def _expanded(value: object, places: _Places) -> Iterator[object]:
    if isinstance(value, str) and is_url(value) and not value.startswith(FILE):
        yield from _in_a_store(value)
        return
    path = _path_of(value)
    found: list[str] = []
    if path is None:
        pass
    elif os.path.isdir(path):  # noqa: PTH112  # as text is given, it stays
        found = _regular_files(path)
    elif glob.has_magic(path) and not os.path.lexists(path):
        found = [each for each in glob.glob(path, recursive=True) if os.path.isfile(each)]  # noqa: PTH113, PTH207  # as above
    files = sorted(each for each in found if not places.ours(each))
    if files:
        # As paths: a name of digits alone, as text, is an id.
        yield from map(Path, files)
    else:
        yield value


def _in_a_store(url: str) -> Iterator[str]:
    from pipeline_jobs import remote_matches  # noqa: PLC0415  # 20 ms to import, for URLs alone

    try:
        yield from remote_matches(url)
    except InputError:  # which a job has to say, of this input
        yield url


def _regular_files(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    except OSError:  # the job says what is wrong with it
        return []


def _path_of(value: object) -> str | None:
    """Return what may name files here; an id and a URL do not."""
    if isinstance(value, str) and value.startswith(FILE):
        value = restored(value)
    if isinstance(value, os.PathLike):
        try:
            value = os.fsdecode(value)
        except TypeError:  # its __fspath__ returns neither text nor bytes
            return None
    if not isinstance(value, str) or value.isdecimal() or "://" in value or "\0" in value:
        return None
    return value or None
