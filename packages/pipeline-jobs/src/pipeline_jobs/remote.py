"""The one module that imports fsspec: the store behind a URL, and what its errors mean."""

import errno
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from .display import shown
from .url import Url

# What brings all that a URL takes; of other stores, fsspec says it.
_INSTALL = {"s3": "s3fs", "gs": "gcsfs", "http": "fsspec[http]", "https": "fsspec[http]"}
_QUERY = re.compile(r"(?<=\S)\?[^\s'\"<>]*")
_LONGEST = 300  # characters of what a library says: some quote whole answers


class Trouble(Enum):
    """What is wrong, as far as it makes a difference."""

    MISSING = auto()
    CHANGED = auto()
    LIBRARY = auto()
    DENIED = auto()
    UNREACHABLE = auto()
    FULL = auto()
    OTHER = auto()


# Libraries that are not imported for this raise these, or what is derived from them.
_NO_CREDENTIALS = (
    *("ClientAuthenticationError", "CredentialRetrievalError", "GoogleAuthError"),
    *("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"),
)
_NETWORK = (
    *("ClientConnectionError", "ClientPayloadError", "ConnectionError", "HTTPClientError", "RetryError"),
    *("ServiceRequestError", "ServiceResponseError", "Timeout", "TimeoutError", "gaierror"),
)
_KINDS = {
    "FileNotFoundError": Trouble.MISSING,
    "FileExpired": Trouble.CHANGED,  # s3fs: the object is no more what it was when it was opened
    "ImportError": Trouble.LIBRARY,
    "PermissionError": Trouble.DENIED,
    **dict.fromkeys(_NO_CREDENTIALS, Trouble.DENIED),
    **dict.fromkeys(_NETWORK, Trouble.UNREACHABLE),
}
_STATUSES = dict.fromkeys((401, 403), Trouble.DENIED) | dict.fromkeys(
    (408, 425, 429, 500, 502, 503, 504), Trouble.UNREACHABLE
)
_NUMBERS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), Trouble.FULL),
    # What a system says of a network, and s3fs of a store that is busy or has an error of its own.
    **dict.fromkeys((errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH), Trouble.UNREACHABLE),
    **dict.fromkeys((errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO)), Trouble.UNREACHABLE),
}
_HINTS = {
    Trouble.DENIED: "; see that the environment or a profile, where the store's own tools look, allows it",
    Trouble.UNREACHABLE: "; see that it can be reached, and run the same command again",
}


# What they say and raise they also log, with tracebacks, and Python prints what nobody handles.
for _name in ("fsspec", "gcsfs", "google", "s3fs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a store did not do what it was asked for."""

    trouble: Trouble
    text: str


def opened(url: Url) -> tuple[Any, str]:
    """Return the file system that reads and writes a URL, and what it calls the path in it.

    Raises:
        Exception: whatever it is that fsspec or a library raises, for `reason` to explain.
    """
    from fsspec import url_to_fs  # noqa: PLC0415  # an extra: its absence is explained like other trouble

    return url_to_fs(str(url))  # type: ignore[no-any-return]  # it has no types


def info(system: Any, path: str) -> Mapping[str, Any]:  # noqa: ANN401  # see above
    """Return what a store says of a file, asked anew.

    Raises:
        Exception: as for `opened`.
    """
    system.invalidate_cache(path)
    return system.info(path)  # type: ignore[no-any-return]  # see above


def reason(error: Exception, url: Url) -> Reason:
    """Tell what an error of a store's library means."""
    trouble = _trouble(error)
    # Of the web, fsspec says that a file is missing whatever it was that kept it from asking.
    if trouble is Trouble.MISSING and isinstance(error.__cause__, Exception):
        why = reason(error.__cause__, url)
        return Reason(trouble, _said(error)) if why.trouble is Trouble.OTHER else why
    if trouble is Trouble.LIBRARY:
        return Reason(trouble, _library(error, url))
    return Reason(trouble, f"{_said(error)}{_HINTS.get(trouble, '')}")


def _trouble(error: Exception) -> Trouble:
    if _unknown(error):
        return Trouble.LIBRARY
    for kind in type(error).__mro__:
        if kind.__name__ in _KINDS:
            return _KINDS[kind.__name__]
    if (status := _status(error)) in _STATUSES:
        return _STATUSES[status]
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):  # gcsfs
        return Trouble.DENIED
    number = error.errno if isinstance(error, OSError) else None
    return _NUMBERS.get(number or 0, Trouble.OTHER)


def _status(error: Exception) -> int:
    """Return the status of an answer, where libraries keep it; 0 where there was none."""
    kept = (getattr(error, name, None) for name in ("status", "code", "status_code"))
    return next((each for each in kept if isinstance(each, int)), 0)


def _unknown(error: Exception) -> bool:
    return isinstance(error, ValueError) and str(error).startswith("Protocol not known")


def _library(error: Exception, url: Url) -> str:
    if _unknown(error):
        return f"no library is known for URLs of {url.scheme}://"
    missing = f"what reads and writes URLs of {url.scheme}:// is not installed"
    name = _INSTALL.get(url.scheme) or (getattr(error, "name", None) == "fsspec" and "fsspec")
    return f"{missing}; pip install {name}" if name else f"{missing}: {_said(error)}"


def _said(error: Exception) -> str:
    """Return what a library says in one line, without the query of a URL, in which a key may be."""
    text = str(error).strip() or type(error).__name__
    line = _QUERY.sub("", text.partition("\n")[0])
    return shown(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")
