"""Run one program, and print its seconds, its peak memory in KiB and its exit status.

Usage: python -I -S launch.py OUTPUT ERRORS PROGRAM [ARGUMENT...]

PROGRAM is a path: a search would import more, and what a process is forked from is the least that its peak
memory can come to. This one is below all programs that are measured.
"""

import os
import sys
import time

KIB = 1024 if sys.platform == "darwin" else 1  # what macOS counts in bytes, Linux counts in KiB
NOT_FOUND = 127  # as a shell has it


def main(output: str, errors: str, *command: str) -> None:
    """Run a program with its standard output and errors in files."""
    streams = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in (output, errors)]
    start = time.perf_counter()
    child = os.fork()
    if not child:
        become(command, streams)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    print(seconds, usage.ru_maxrss // KIB, os.waitstatus_to_exitcode(status))


def become(command: tuple[str, ...], streams: list[int]) -> None:
    """Turn this process into a program."""
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
    try:
        os.execv(command[0], command)
    finally:
        os._exit(NOT_FOUND)


if __name__ == "__main__":
    main(*sys.argv[1:])
