"""Import path of the processes that we start: the current folder is not on it, whatever lies there.

Python puts that folder before all others for `python -c` and `python -m`, by which libraries start processes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "PYTHONSAFEPATH"
_OURS = "pipeline"  # any text but the empty one has the effect


def get_safe_path_variables() -> dict[str, str]:
    """Return the environment variables of a process that imports nothing from the current folder.

    What a definition imports from there is on its path all the same: workers get that of this process.
    """
    return {_VARIABLE: os.environ.get(_VARIABLE) or _OURS}


@contextmanager
def start_with_safe_path() -> Iterator[None]:
    """Let processes that libraries start in the block import nothing from the current folder."""
    before = os.environ.get(_VARIABLE)
    os.environ.update(get_safe_path_variables())
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def start_with_usual_path() -> Iterator[None]:
    """Let processes that the user's code starts in the block have the path that Python usually gives them."""
    before = os.environ.get(_VARIABLE)
    leave_safe_path()
    try:
        yield
    finally:
        _restore(before)


def leave_safe_path() -> None:
    """Let processes that are started from here on have the usual path, in a process that we have started."""
    if os.environ.get(_VARIABLE) == _OURS:
        del os.environ[_VARIABLE]


def _restore(value: str | None) -> None:
    if value is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = value
