"""Runs of the command within bounds: of memory and of processor time."""

import resource
from collections.abc import Callable
from functools import partial
from pathlib import Path

from checks import check_exit
from processes import build_arguments, run_forked, run_in_process
from sweep import require

MEMORY = 400 << 20
"""Bytes that a run may take beyond those of a process that has imported everything."""
SECONDS = 20
"""Seconds of processor time: ten times what a point takes."""


def run_bounded(words: list[str | Path], folder: Path, prepare: Callable[[], object] = lambda: None) -> str:
    """Run the command in a child within the bounds, and return its exit code and error codes as an outcome.

    Args:
        words: of the command, after the global options.
        folder: in which the child runs.
        prepare: is called in the child before.

    Raises:
        BrokenPromiseError: the run exceeded the bounds, or ended in another way than by success or refusal.
    """
    result = run_forked(partial(_run, words, prepare), folder, folder / "printed")
    require(result.code in (0, 3), f"exit code {result.code}", result.out[-500:], result.err[-500:])
    check_exit(result.code, result.err)
    return f"exit {result.code}"


def _run(words: list[str | Path], prepare: Callable[[], object]) -> int:
    prepare()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    # Writable private memory, used or not: that of the program and its libraries is no part of it.
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    return run_in_process(build_arguments(*words))
