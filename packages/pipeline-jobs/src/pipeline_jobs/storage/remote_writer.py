"""Atomic writing to a remote store: a file appears whole or not at all, as far as the store allows."""

import inspect
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from pipeline_jobs.exceptions import OutputError

from .atomic_writer import translate_temporary_file_errors
from .fsspec_client import open_filesystem, stat_file, translate_write_errors
from .location import Url

if TYPE_CHECKING:
    from collections.abc import Buffer

_log = logging.getLogger(__name__)

ATOMIC_SCHEMES = frozenset({"abfs", "abfss", "az", "gs", "s3"})
"""Object stores: an object appears when all of it is there, after one request or the last of several.

In other stores a file grows, and is renamed when it is complete.
"""

_PART_BYTES = 16 << 20  # s3fs would take 50 MiB, and hold ten parts at once in memory
_PARTS_AT_ONCE = 2
_MAX_PARTS = 10_000  # of an object in S3
_PART_UNIT = 1 << 20  # a part is a multiple of this; Google requires a multiple of 256 KiB


class RemoteDraft:
    """A local temporary file; only `publish` makes it a file in the remote store.

    The temporary file has no name, so that nothing is left of it however its writer ends.

    Args:
        url: the URL the draft is for; it may be published under another one in the same folder.

    Attributes:
        stream: the temporary file, whose errors are those of the system.
    """

    def __init__(self, url: Url) -> None:
        self.url = url
        with translate_write_errors(url):
            self._system, _ = open_filesystem(url)
        with translate_temporary_file_errors():
            self.stream = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed by `open_remote_draft`

    def write(self, data: "Buffer", /) -> int:
        """Write all of `data`.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        with translate_temporary_file_errors():
            return self.stream.write(data)

    def seek(self, offset: int, /) -> int:
        """Continue writing at `offset`.

        Raises:
            OutputError: the temporary file cannot be written.
        """
        with translate_temporary_file_errors():
            return self.stream.seek(offset)

    def publish(self, names: Iterable[Url], is_ours: Callable[[Url], bool]) -> Url:
        """Store the draft under the first of `names` that is free, or that `is_ours` lets it replace.

        Raises:
            OutputError: ``output.taken``: every name belongs to another source; or it cannot be written.
        """
        with translate_temporary_file_errors():
            self.stream.flush()
        for url in names:
            with translate_write_errors(url):
                if not self._store_if_free(url):
                    if not is_ours(url):
                        continue
                    self._store(url, replace=True)
                return url
        text = f"{self.url.shown}: the file there belongs to another source; move it away"
        raise OutputError("output.taken", text)

    def _store_if_free(self, url: Url) -> bool:
        """Store the draft unless the name is taken; stores that can check this do so in the same request."""
        if self._exists(url):
            return False
        try:
            return self._store(url, replace=False)
        except Exception:
            if self._exists(url):  # another writer was faster
                return False
            raise

    def _exists(self, url: Url) -> bool:
        try:
            # An object store may have a folder and a file of the same name.
            return bool(stat_file(self._system, self._get_path(url))["type"] == "file")
        except FileNotFoundError:
            return False

    def _store(self, url: Url, *, replace: bool) -> bool:
        """Store the draft; return False if another writer took the name meanwhile."""
        path = self._get_path(url)
        if url.scheme in ATOMIC_SCHEMES:
            self._upload(path, replace=replace)
            return True
        folder, _, name = path.rpartition("/")
        self._system.makedirs(folder or "/", exist_ok=True)
        temporary, moved = f"{folder}/.{name}.{os.urandom(4).hex()}.tmp", False
        try:
            self._upload(temporary, replace=False)
            if replace or not self._exists(url):
                self._system.mv(temporary, path)
                moved = True
        finally:
            if not moved:
                with suppress(Exception):  # the first error is the one to report
                    self._system.rm_file(temporary)
        return moved

    def _upload(self, path: str, *, replace: bool) -> None:
        self.stream.seek(0)
        # By its descriptor: a killed writer would leave a file with a name behind.
        options = self._choose_upload_options(replace=replace)
        self._system.put_file(f"/dev/fd/{self.stream.fileno()}", path, **options)

    def _choose_upload_options(self, *, replace: bool) -> dict[str, object]:
        """Return the options for an upload that this file system knows."""
        known = inspect.signature(getattr(self._system, "_put_file", self._system.put_file)).parameters
        smallest_part = -(-os.fstat(self.stream.fileno()).st_size // _MAX_PARTS)
        options = {
            "mode": "overwrite" if replace else "create",
            "overwrite": replace,  # the same option for Azure
            "chunksize": max(_PART_BYTES, -(-smallest_part // _PART_UNIT) * _PART_UNIT),
            "max_concurrency": _PARTS_AT_ONCE,
        }
        return {name: option for name, option in options.items() if name in known}

    def _get_path(self, url: Url) -> str:
        return str(self._system._strip_protocol(str(url)))  # noqa: SLF001  # as fsspec's own functions do


@contextmanager
def open_remote_draft(url: Url) -> Iterator[RemoteDraft]:
    """Open a draft; if it is not published by the end of the block, it is gone.

    Raises:
        OutputError: the store, or the local folder for temporary files, cannot be written.
    """
    draft = RemoteDraft(url)
    try:
        yield draft
    finally:
        with suppress(OSError):  # what is not written yet is discarded with the rest
            draft.stream.close()
