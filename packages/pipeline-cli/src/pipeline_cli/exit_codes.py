"""Exit codes of the command, by error code and by signal."""

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


def get_exit_code(error_code: str | None) -> int:
    """Return the exit code for an error code such as ``input.missing``: 0 for None, 1 for an unknown kind."""
    return SUCCESS if error_code is None else _BY_KIND.get(error_code.partition(".")[0], INTERNAL)


def get_signal_exit_code(number: signal.Signals) -> int:
    """Return the exit code of a process that a signal ended, as shells report it: 128 and the number."""
    return 128 + number


def get_signal(exit_code: int) -> int:
    """Return the number of the signal behind an exit code."""
    return exit_code - 128
