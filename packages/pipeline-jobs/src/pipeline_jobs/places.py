"""What reads and writes a file, chosen by where it is: on this machine or in a store."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from .input_file import InputFile
from .output import draft
from .url import Location, Url

if TYPE_CHECKING:
    from .remote_file import RemoteFile

    type Input = InputFile | RemoteFile
    """A file that is read."""


class Output(Protocol):
    """A file that is written, and appears by `publish` alone."""

    @property
    def stream(self) -> BinaryIO:
        """What it is written to."""

    def publish(self, names: Iterable[Any], is_ours: Callable[[Any], bool]) -> Location:
        """Let it appear under the first of `names`, of the kind it was opened for, that can be had."""


def open_input(place: Location) -> "Input":
    """Open a file to read, for a ``with`` block.

    Raises:
        InputError: it cannot be read.
    """
    if isinstance(place, Url):
        from .remote_file import RemoteFile  # noqa: PLC0415  # which no file of this machine takes

        return RemoteFile(place)
    return InputFile(place)


def open_output(place: Location) -> AbstractContextManager[Output]:
    """Open a file to write, for a ``with`` block.

    Raises:
        OutputError: it cannot be written.
    """
    if isinstance(place, Url):
        from .remote_output import remote_draft  # noqa: PLC0415  # see above

        return remote_draft(place)
    return draft(place)
