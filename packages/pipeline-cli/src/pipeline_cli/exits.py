"""Exit codes, by what an error's code begins with."""

import signal

SUCCESS = 0
INTERNAL = 1
_BY_KIND = {
    "usage": 2,
    "input": 3,
    "batch": 4,
    "output": 5,
    "database": 6,
    "corrupt": 7,
    "orchestration": 8,
    "job": 9,
}


def exit_code(code: str | None) -> int:
    """Return the exit code for an error's code: 0 for none, 1 for one that is not foreseen."""
    return SUCCESS if code is None else _BY_KIND.get(code.partition(".")[0], INTERNAL)


def signalled(number: signal.Signals) -> int:
    """Return the exit code of a process that a signal ended, as shells count it."""
    return 128 + number


def signal_of(code: int) -> int:
    """Return the signal that an exit code stands for."""
    return code - 128
