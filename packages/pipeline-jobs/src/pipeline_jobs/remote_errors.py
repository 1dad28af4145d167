"""The errors of a store as those of a file or folder: whatever a library raises gets a code and a message."""

from collections.abc import Iterator
from contextlib import contextmanager

from .display import shown
from .errors import InputError, OutputError, PipelineError
from .remote import Trouble, reason
from .url import WEB, Url


@contextmanager
def input_reported(url: Url) -> Iterator[None]:
    """Turn what a store's library raises into an ``InputError`` that names `url`."""
    try:
        yield
    except (PipelineError, MemoryError):
        raise
    except Exception as error:
        raise _unread(url, error) from error


def _unread(url: Url, error: Exception) -> InputError:
    where = shown(str(url))
    why = reason(error, url)
    match why.trouble:
        case Trouble.MISSING:
            return InputError("input.missing", f"{where}: no such file")
        case Trouble.CHANGED:
            return changed(where)
        case Trouble.LIBRARY:
            return InputError("input.library", f"{where}: {why.text}")
        case Trouble.UNREACHABLE:
            return InputError("input.unreachable", f"{where}: cannot be read now: {why.text}", retriable=True)
        case _:
            return InputError("input.unreadable", f"{where}: cannot be read: {why.text}")


def changed(where: str) -> InputError:
    """Make the error for a file that is not what it was a moment ago."""
    return InputError("input.changed", f"{where}: was changed while it was read; try again")


@contextmanager
def output_reported(url: Url) -> Iterator[None]:
    """Turn what a store's library raises into an ``OutputError`` that names `url`."""
    if url.scheme in WEB:
        text = f"{shown(str(url))}: nothing can be written to a server of the web; name a folder or a store"
        raise OutputError("output.read_only", text)
    try:
        yield
    except (PipelineError, MemoryError):
        raise
    except Exception as error:
        raise _unwritten(url, error) from error


_CODES = {
    Trouble.MISSING: "output.missing",
    Trouble.LIBRARY: "output.library",
    Trouble.DENIED: "output.denied",
    Trouble.UNREACHABLE: "output.unreachable",
    Trouble.FULL: "output.no_space",
}


def _unwritten(url: Url, error: Exception) -> OutputError:
    why = reason(error, url)
    text = why.text
    if why.trouble is Trouble.MISSING:
        text = f"there is no such bucket, or nothing the folder could be in ({text}); make it first"
    code = _CODES.get(why.trouble, "output.failed")
    retriable = why.trouble is Trouble.UNREACHABLE
    return OutputError(code, f"{shown(str(url))}: cannot be written: {text}", retriable=retriable)
