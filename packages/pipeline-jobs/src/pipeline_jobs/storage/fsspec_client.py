"""The client for remote stores, the only module that imports fsspec: file systems by URL, errors with codes.

fsspec and the libraries behind it raise many classes of errors, none of them shared. Each is classified once,
by its class, its HTTP status or its errno, and becomes an ``InputError`` or ``OutputError`` from that.
"""

import errno
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any

from pipeline_jobs.escaping import escape
from pipeline_jobs.exceptions import InputError, OutputError, PipelineError

from .input import make_changed_error
from .location import WEB, Url, redact_urls

# The package that brings everything a URL needs; for other stores, fsspec names it in its error.
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "http": "fsspec[http]", "https": "fsspec[http]"}
_QUERY = re.compile(r"(?<=\S)\?[^\s'\"<>]*")
_MAX_QUOTED = 300  # characters of a library's message: some quote whole answers


class _Failure(Enum):
    """Kinds of failures that have different codes or hints."""

    MISSING = auto()
    CHANGED = auto()
    ANSWER = auto()
    LIBRARY = auto()
    DENIED = auto()
    UNREACHABLE = auto()
    FULL = auto()
    OTHER = auto()


# Class names, as the libraries are not imported for this; classes derived from them are found too.
_CREDENTIAL_ERRORS = (
    *("ClientAuthenticationError", "CredentialRetrievalError", "GoogleAuthError"),
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"),
)
_NETWORK_ERRORS = (
    *("ClientConnectionError", "ClientPayloadError", "ConnectionError", "HTTPClientError", "RetryError"),
    *("ServiceRequestError", "ServiceResponseError", "Timeout", "TimeoutError", "gaierror"),
)
_BY_CLASS = {
    "FileNotFoundError": _Failure.MISSING,
    "FileExpired": _Failure.CHANGED,  # s3fs: the object is no longer the one that was opened
    "AnswerError": _Failure.ANSWER,  # of our own client for the web
    "ImportError": _Failure.LIBRARY,
    "PermissionError": _Failure.DENIED,
    **dict.fromkeys(_CREDENTIAL_ERRORS, _Failure.DENIED),
    **dict.fromkeys(_NETWORK_ERRORS, _Failure.UNREACHABLE),
}
_BY_STATUS = {
    **dict.fromkeys((401, 403), _Failure.DENIED),
    **dict.fromkeys((408, 425, 429, 500, 502, 503, 504), _Failure.UNREACHABLE),
}
_BY_ERRNO = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _Failure.FULL),
    **dict.fromkeys((errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH), _Failure.UNREACHABLE),
    # s3fs: the store is busy, or has an internal error.
    **dict.fromkeys((errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO)), _Failure.UNREACHABLE),
}
_HINTS = {
    _Failure.DENIED: "; check the credentials in the environment or profile that the store's own tools use",
    _Failure.UNREACHABLE: "; check that it can be reached, and run the same command again",
}
_OUTPUT_CODES = {
    _Failure.MISSING: "output.missing",
    _Failure.LIBRARY: "output.library",
    _Failure.DENIED: "output.denied",
    _Failure.UNREACHABLE: "output.unreachable",
    _Failure.FULL: "output.no_space",
}

# These libraries also log what they raise, with tracebacks. Without a handler, Python would print it.
for _name in ("fsspec", "gcsfs", "google", "s3fs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def open_filesystem(url: Url) -> tuple[Any, str]:
    """Return the fsspec file system for a URL, and the URL's path in it.

    Raises:
        Exception: any error of fsspec or a library behind it; call this inside `translate_read_errors` or
            `translate_write_errors`.
    """
    from fsspec import url_to_fs  # noqa: PLC0415  # an extra: its absence is one more error to translate

    options: dict[str, object] = {}
    if url.scheme in WEB:
        from .web_client import make_session  # noqa: PLC0415  # imports aiohttp, which is an extra

        options["get_client"] = make_session
    return url_to_fs(str(url), **options)  # type: ignore[no-any-return]  # it has no types


def stat_file(system: Any, path: str) -> Mapping[str, Any]:  # noqa: ANN401  # fsspec has no types
    """Return what a store says about a file now, not what fsspec has cached.

    Raises:
        Exception: as `open_filesystem`.
    """
    system.invalidate_cache(path)
    return system.info(path)  # type: ignore[no-any-return]  # fsspec has no types


@contextmanager
def translate_read_errors(url: Url) -> Iterator[None]:
    """Raise any error of the block as an ``InputError`` that names `url`."""
    try:
        yield
    except (PipelineError, MemoryError):
        raise
    except Exception as error:
        raise _make_input_error(url, error) from error


@contextmanager
def translate_write_errors(url: Url) -> Iterator[None]:
    """Raise any error of the block as an ``OutputError`` that names `url`; refuse a URL of the web."""
    if url.scheme in WEB:
        text = f"{url.shown}: web servers are only read from; name a folder or a remote store"
        raise OutputError("output.read_only", text)
    try:
        yield
    except (PipelineError, MemoryError):
        raise
    except Exception as error:
        raise _make_output_error(url, error) from error


def _make_input_error(url: Url, error: Exception) -> InputError:
    where = url.shown
    failure, text = _explain(error, url)
    match failure:
        case _Failure.MISSING:
            return InputError("input.missing", f"{where}: no such file")
        case _Failure.CHANGED:
            return make_changed_error(where)
        case _Failure.LIBRARY:
            return InputError("input.library", f"{where}: {text}")
        case _Failure.UNREACHABLE:
            return InputError("input.unreachable", f"{where}: cannot be read now: {text}", retriable=True)
        case _:
            return InputError("input.unreadable", f"{where}: cannot be read: {text}")


def _make_output_error(url: Url, error: Exception) -> OutputError:
    failure, text = _explain(error, url)
    if failure is _Failure.MISSING:
        text = f"the bucket or the folder above does not exist ({text}); make it first"
    code = _OUTPUT_CODES.get(failure, "output.failed")
    retriable = failure is _Failure.UNREACHABLE
    return OutputError(code, f"{url.shown}: cannot be written: {text}", retriable=retriable)


def _explain(error: Exception, url: Url) -> tuple[_Failure, str]:
    """Classify an error of a library, and put it into words."""
    failure = _classify(error)
    # For the web, fsspec says that a file is missing, whatever kept it from asking.
    if failure is _Failure.MISSING and isinstance(error.__cause__, Exception):
        cause = _explain(error.__cause__, url)
        return (failure, _quote(error)) if cause[0] is _Failure.OTHER else cause
    if failure is _Failure.LIBRARY:
        return failure, _explain_library(error, url)
    return failure, f"{_quote(error)}{_HINTS.get(failure, '')}"


def _classify(error: Exception) -> _Failure:
    if _is_unknown_scheme(error):
        return _Failure.LIBRARY
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_CLASS:
            return _BY_CLASS[kind.__name__]
    # Libraries keep the HTTP status under one of these names.
    kept = (getattr(error, name, None) for name in ("status", "code", "status_code"))
    if (status := next((each for each in kept if isinstance(each, int)), 0)) in _BY_STATUS:
        return _BY_STATUS[status]
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):  # gcsfs
        return _Failure.DENIED
    number = error.errno if isinstance(error, OSError) else None
    return _BY_ERRNO.get(number or 0, _Failure.OTHER)


def _is_unknown_scheme(error: Exception) -> bool:
    return isinstance(error, ValueError) and str(error).startswith("Protocol not known")


def _explain_library(error: Exception, url: Url) -> str:
    if _is_unknown_scheme(error):
        return f"no library is known for URLs of {url.scheme}://"
    text = f"the library for URLs of {url.scheme}:// is not installed"
    package = _PACKAGES.get(url.scheme) or (getattr(error, "name", None) == "fsspec" and "fsspec")
    return f"{text}; pip install {package}" if package else f"{text}: {_quote(error)}"


def _quote(error: Exception) -> str:
    """Quote the first line of a library's message, without the query of a URL, which may hold a key."""
    text = str(error).strip() or type(error).__name__
    line = _QUERY.sub("", redact_urls(text.partition("\n")[0]))
    return escape(line if len(line) <= _MAX_QUOTED else f"{line[:_MAX_QUOTED]}…")
