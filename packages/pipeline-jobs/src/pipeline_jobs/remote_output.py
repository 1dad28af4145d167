"""Files that appear in a store whole or not at all, as far as the store gives that."""

import inspect
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from .display import shown
from .errors import OutputError
from .output import reported as locally_reported
from .remote import info, opened
from .remote_errors import output_reported
from .url import Url

_log = logging.getLogger(__name__)

# An object appears when all of it is there, be it in one request or in parts that a last request puts
# together. Elsewhere a file grows, and is given its name when it is complete.
WHOLE = frozenset({"abfs", "abfss", "az", "gs", "s3"})

_PART = 16 << 20  # bytes; s3fs would take 50 MiB, and ten of them at once in memory
_AT_ONCE = 2
_MOST_PARTS = 10_000  # of an object of S3
_UNIT = 1 << 20  # of which the size of a part is a multiple; for Google, 256 KiB would do


class RemoteDraft:
    """A temporary file of this machine that becomes a file in a store by `publish` alone.

    It has no name, so that nothing is left of it however its writer ends.

    Args:
        url: the URL it is drafted for; it may be published under another one in the same folder.
    """

    def __init__(self, url: Url) -> None:
        self.url = url
        with output_reported(url):
            self.system, _ = opened(url)
        self.stream = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed by `remote_draft`

    def publish(self, names: Iterable[Url], is_ours: Callable[[Url], bool]) -> Url:
        """Store the draft under the first of `names` that is free, or that `is_ours` lets it replace.

        Raises:
            OutputError: ``output.taken``: every name belongs to somebody else.
        """
        self.stream.flush()
        for url in names:
            with output_reported(url):
                if not self._took(url):
                    if not is_ours(url):
                        continue
                    self._put(url, replace=True)
                return url
        text = f"{shown(str(self.url))}: the file there is of another source; move it away"
        raise OutputError("output.taken", text)

    def _took(self, url: Url) -> bool:
        """Store the draft unless the name is taken, where the store can tell in the same request."""
        if self._is_there(url):
            return False
        try:
            return self._put(url, replace=False)
        except Exception:
            if self._is_there(url):  # somebody was quicker
                return False
            raise

    def _is_there(self, url: Url) -> bool:
        try:
            # In an object store, a folder of that name and a file go side by side.
            return bool(info(self.system, self._named(url))["type"] == "file")
        except FileNotFoundError:
            return False

    def _put(self, url: Url, *, replace: bool) -> bool:
        """Store the draft, and return whether that was done: not where another took the name meanwhile."""
        path = self._named(url)
        if url.scheme in WHOLE:
            self._upload(path, replace=replace)
            return True
        folder, _, name = path.rpartition("/")
        self.system.makedirs(folder or "/", exist_ok=True)
        temporary, moved = f"{folder}/.{name}.{os.urandom(4).hex()}.tmp", False
        try:
            self._upload(temporary, replace=False)
            if replace or not self._is_there(url):
                self.system.mv(temporary, path)
                moved = True
        finally:
            if not moved:
                with suppress(Exception):  # what went wrong first is told
                    self.system.rm_file(temporary)
        return moved

    def _upload(self, path: str, *, replace: bool) -> None:
        self.stream.seek(0)
        # By the descriptor: a name would be left behind by a writer that is killed.
        self.system.put_file(f"/dev/fd/{self.stream.fileno()}", path, **self._manner(replace=replace))

    def _manner(self, *, replace: bool) -> dict[str, object]:
        """Return how this file system is to send a file, as far as it takes orders."""
        known = inspect.signature(getattr(self.system, "_put_file", self.system.put_file)).parameters
        parts = -(-os.fstat(self.stream.fileno()).st_size // _MOST_PARTS)
        orders = {
            "mode": "overwrite" if replace else "create",
            "overwrite": replace,  # the same, for Azure
            "chunksize": max(_PART, -(-parts // _UNIT) * _UNIT),
            "max_concurrency": _AT_ONCE,
        }
        return {name: order for name, order in orders.items() if name in known}

    def _named(self, url: Url) -> str:
        return str(self.system._strip_protocol(str(url)))  # noqa: SLF001  # how fsspec's own functions do it


@contextmanager
def remote_draft(url: Url) -> Iterator[RemoteDraft]:
    """Open a draft; what was not published by the end of the block is gone.

    Raises:
        OutputError: the store, or this machine's folder for temporary files, could not be written.
    """
    # The draft grows in a folder of this machine, as `TMPDIR` has it, and that may be full.
    with locally_reported(Path(tempfile.gettempdir())):
        draft = RemoteDraft(url)
        with draft.stream:
            yield draft


@contextmanager
def remotely_kept(folder: Url, data: bytes) -> Iterator[Url]:
    """Keep data in a file in a store while the block lasts.

    Raises:
        OutputError: it could not be written.
    """
    url = folder / f".memory.json.{os.urandom(4).hex()}.tmp"
    with remote_draft(url) as draft:
        draft.stream.write(data)
        draft.publish([url], lambda _: False)
    try:
        yield url
    finally:
        try:
            with output_reported(url):
                system, path = opened(url)
                system.rm_file(path)
        except OutputError as error:  # the run is over, and what came of it is what counts
            _log.warning("%s; what was kept there is left", error)
