"""Files in a store that are read: opened by their URL, and checked to be the same at the end."""

import shutil
import tempfile
from contextlib import suppress
from functools import cached_property
from typing import Any, Self

from .display import shown
from .errors import InputError
from .input_file import filled
from .records import Source
from .remote import info, opened
from .remote_errors import changed, input_reported
from .url import Url

_BLOCK = 8 << 20  # bytes of one request: a store takes tens of milliseconds to begin an answer
# What stores say of a version of a file, as far as they do; else, when it was written, and how long it is.
_VERSION = frozenset(
    ["ETag", "etag", "VersionId", "generation", "md5Hash", "crc32c", "content_md5", "Content-MD5", "Digest"]
)
_TIME = frozenset(
    ["LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modified", "modify", "size"]
)


class RemoteFile:
    """A file in a store, for a ``with`` block, as ``InputFile`` is one of this machine.

    Asked for when it is made, opened when the first of it is read.

    Args:
        url: of the file.

    Raises:
        InputError: ``input.missing``, ``input.not_a_file``, ``input.unreadable``, ``input.unreachable`` or
            ``input.library``.
    """

    def __init__(self, url: Url) -> None:
        self.path = url
        self.where = shown(str(url))
        self._position = 0
        with input_reported(url):
            self._system, self._name = opened(url)
            self._first = dict(info(self._system, self._name))
        if self._first.get("type") == "directory":
            text = f"{self.where}: is a folder, expected a file; with / at its end it is those in it"
            raise InputError("input.not_a_file", text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_stream" in self.__dict__:
            with suppress(Exception):  # what was read was read, and a library raises what it likes
                self._stream.close()

    @property
    def size(self) -> int:
        """Bytes of the file when it was asked for."""
        if self._first.get("size") is None:
            with input_reported(self.path):
                _ = self._stream  # a server that does not say: all of it is fetched first
        return int(self._first["size"])

    @property
    def source(self) -> Source:
        """The source the file is: its URL, and its name."""
        return Source(self.path.uri, shown(self.path.name or self.path.stem))

    @cached_property
    def _stream(self) -> Any:  # noqa: ANN401  # fsspec has no types
        stream = self._system.open(self._name, "rb", block_size=_BLOCK, cache_type="readahead")
        if self._first.get("size") is not None and self._first.get("partial", True):
            return stream
        # A server of the web that cannot answer with a part of a file: all of it is fetched, once.
        with stream:
            local = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
            shutil.copyfileobj(stream, local, _BLOCK)
        self._first["size"] = local.tell()
        local.seek(0)
        return local

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes, fewer only at the end.

        Raises:
            InputError: ``input.changed``, ``input.unreadable`` or ``input.unreachable``.
        """
        with input_reported(self.path):
            block = filled(self._stream.read, size)
        self._position += len(block)
        return block

    def seek(self, offset: int) -> None:
        """Read on from `offset`, in bytes from the start.

        Raises:
            InputError: as `read`.
        """
        with input_reported(self.path):
            self._position = self._stream.seek(offset)

    @property
    def position(self) -> int:
        """How far it is read, in bytes from the start."""
        return self._position

    def check_unchanged(self) -> None:
        """Make sure that the store still has what was read, as far as it says so.

        Raises:
            InputError: ``input.changed``.
        """
        words = {word for word in _VERSION if self._first.get(word)} or _TIME
        with input_reported(self.path):
            now = info(self._system, self._name)
        if any(now.get(word) not in (None, self._first.get(word)) for word in words):
            raise self.changed()

    def changed(self) -> InputError:
        """Make the error for a file that is not what it was a moment ago."""
        return changed(self.where)
