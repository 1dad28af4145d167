"""Run one program, and print its seconds, its peak memory in KiB and its exit status.

Usage: python -I -S timed_process.py OUTPUT ERRORS PROGRAM [ARGUMENT...]

PROGRAM is a path, because a search would import more modules. The peak memory of a child is at least that
of the process it is forked from, and this process is smaller than all programs that are measured.
"""

import os
import sys
import time

KIB = 1024 if sys.platform == "darwin" else 1  # what macOS counts in bytes, Linux counts in KiB
NOT_FOUND = 127  # as in a shell


def main(output: str, errors: str, *command: str) -> None:
    """Run a program with standard output and standard error in files."""
    streams = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in (output, errors)]
    start = time.perf_counter()
    child = os.fork()
    if not child:
        exec_program(command, streams)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    print(seconds, usage.ru_maxrss // KIB, os.waitstatus_to_exitcode(status))


def exec_program(command: tuple[str, ...], streams: list[int]) -> None:
    """Replace this process by a program."""
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
    try:
        os.execv(command[0], command)
    finally:
        os._exit(NOT_FOUND)


if __name__ == "__main__":
    main(*sys.argv[1:])
