"""Reading of files in a remote store: opened by their URL, and checked at the end to be the same."""

import tempfile
from contextlib import ExitStack, suppress
from functools import cached_property, partial
from typing import Any, Self

from pipeline_jobs.exceptions import InputError

from .atomic_writer import translate_temporary_file_errors
from .fsspec_client import open_filesystem, stat_file, translate_read_errors
from .input import make_changed_error, read_fully
from .location import Source, Url, make_source

_REQUEST_BYTES = 8 << 20  # in one request: a store takes tens of milliseconds to begin an answer
_MAX_DOWNLOAD = 16 << 30
"""Bytes of a file that is downloaded as a whole, into the folder for temporary files."""
# Keys under which stores give the version of a file. Without any of them, its time and size are compared.
_VERSION_KEYS = frozenset(
    ["ETag", "etag", "VersionId", "generation", "md5Hash", "crc32c", "content_md5", "Content-MD5", "Digest"]
)
_TIME_KEYS = frozenset(
    ["LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modified", "modify", "size"]
)


class RemoteInput:
    """A file in a remote store, as a context manager; the counterpart of ``LocalInput``.

    The store is asked for the file when this is made; the file is opened by the first read.

    Args:
        url: of the file.

    Attributes:
        where: the URL as errors name it.
        position: bytes from the start up to which it is read.

    Raises:
        InputError: ``input.missing``, ``input.not_a_file``, ``input.unreadable``, ``input.unreachable`` or
            ``input.library``.
    """

    def __init__(self, url: Url) -> None:
        self.path = url
        self.where = url.shown
        self.position = 0
        with translate_read_errors(url):
            self._system, self._name = open_filesystem(url)
            self._first_stat = dict(stat_file(self._system, self._name))
        if self._first_stat.get("type") == "directory":
            text = f"{self.where}: is a folder, expected a file; with / at its end it is those in it"
            raise InputError("input.not_a_file", text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_stream" in self.__dict__:
            with suppress(Exception):  # everything is read already, and a library may raise anything
                self._stream.close()

    @property
    def size(self) -> int:
        """Bytes of the file when the store was asked for it."""
        if self._first_stat.get("size") is None:
            with translate_read_errors(self.path):
                _ = self._stream  # the server does not say: this downloads the file and sets the size
        return int(self._first_stat["size"])

    @property
    def source(self) -> Source:
        """The file as a source."""
        return make_source(self.path)

    @cached_property
    def _stream(self) -> Any:  # noqa: ANN401  # fsspec has no types
        stream = self._system.open(self._name, "rb", block_size=_REQUEST_BYTES, cache_type="readahead")
        if self._first_stat.get("size") is not None and self._first_stat.get("partial", True):
            return stream
        # A web server that cannot answer with a part of a file: the whole file is downloaded, once.
        size = self._first_stat.get("size")
        most = _MAX_DOWNLOAD if size is None else min(size, _MAX_DOWNLOAD)
        with stream, ExitStack() as stack:
            with translate_temporary_file_errors():
                download = stack.enter_context(tempfile.TemporaryFile())
            for block in iter(partial(stream.read, _REQUEST_BYTES), b""):
                with translate_temporary_file_errors():
                    download.write(block)
                if download.tell() > most:
                    raise self._make_length_error(most)
            if size not in (None, download.tell()):
                raise make_changed_error(self.where)
            self._first_stat["size"] = download.tell()
            download.seek(0)
            stack.pop_all()
        return download

    def _make_length_error(self, most: int) -> InputError:
        if most != _MAX_DOWNLOAD:
            return make_changed_error(self.where)
        text = (
            f"{self.where}: cannot be read: the server gives no parts of files, and this one has more than "
        )
        return InputError("input.unreadable", f"{text}{most >> 30} GiB; download it, and name the file")

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; fewer only at the end.

        Raises:
            InputError: ``input.changed``, ``input.unreadable`` or ``input.unreachable``.
        """
        with translate_read_errors(self.path):
            block = read_fully(self._stream.read, size)
        self.position += len(block)
        if self.position > self.size or (len(block) < size and self.position < self.size):
            raise make_changed_error(self.where)  # or the store does not say the truth
        return block

    def seek(self, offset: int) -> None:
        """Continue reading at `offset`, in bytes from the start.

        Raises:
            InputError: as `read`.
        """
        with translate_read_errors(self.path):
            self.position = self._stream.seek(offset)

    def check_unchanged(self) -> None:
        """Check that the store still has the file that was read, as far as the store tells.

        Raises:
            InputError: ``input.changed``.
        """
        keys = {key for key in _VERSION_KEYS if self._first_stat.get(key)} or _TIME_KEYS
        with translate_read_errors(self.path):
            now = stat_file(self._system, self._name)
        if any(now.get(key) not in (None, self._first_stat.get(key)) for key in keys):
            raise make_changed_error(self.where)
