"""Sweep that watches all connections of the command: nothing leaves the machine."""

import re
import shutil
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from prefect_servers import get_migrated_home
from processes import COMMAND
from sweep import Point, Sweep, require
from terminal import run_and_capture

_CALLS = "trace=connect,sendto,sendmsg,sendmmsg"
_V4 = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_V6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"')
_DNS_PORT = 53  # names must not be looked up, not even by a resolver on this machine

_AS_A_LIBRARY = """
from pipeline_orchestration import PipelineRunner
print(PipelineRunner(engine="prefect").run("x.txt").code)
"""


def _check_connections(folder: Path, command: list[str], *, terminal: bool, is_first: bool = False) -> None:
    """Run a command in a clean environment and check its connections; in tests and CI, Prefect makes none.

    Args:
        folder: an empty folder, the home of the user.
        command: the command, which is to succeed.
        terminal: whether it writes to a terminal.
        is_first: whether the user has never used Prefect, which then creates and migrates its database.
    """
    (folder / "x.txt").write_text("one\n", encoding="utf-8")
    if not is_first:
        shutil.copytree(get_migrated_home(), folder / ".prefect")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TERM": "xterm"}
    trace = folder / "trace"
    # With the filter in the kernel, all other calls run at full speed.
    strace = ["strace", "-f", "--seccomp-bpf", "-e", _CALLS, "-o", str(trace)]
    code, output = run_and_capture([*strace, *command], folder, environment, terminal=terminal)
    require(code == 0, f"exit {code}: {output!r}")
    text = trace.read_text(encoding="utf-8", errors="replace")
    destinations = {(address, int(port)) for port, address in (*_V4.findall(text), *_V6.findall(text))}
    outside = [each for each in destinations if not _is_local(*each)]
    require(not outside, f"connected to {outside}")
    require(destinations or "local" in command, "nothing was traced")


def _is_local(address: str, port: int) -> bool:
    return port != _DNS_PORT and (address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1"))


def _make_points(_size: int | None, _random: Random) -> Iterable[Point]:
    run = [COMMAND, "--engine"]
    commands = {
        "the local engine": [*run, "local", "run-all", "x.txt"],
        "the Prefect engine and its temporary server": [*run, "prefect", "run-all", "x.txt"],
    }
    get_migrated_home()
    for name, command in commands.items():
        for terminal, sink in ((False, "a pipe, at the first use of Prefect"), (True, "a terminal")):
            attempt = partial(_check_connections, command=command, terminal=terminal, is_first=not terminal)
            yield Point(f"{name}, into {sink}", attempt)
    library = [sys.executable, "-c", _AS_A_LIBRARY]
    yield Point(
        "the Prefect engine as a library", partial(_check_connections, command=library, terminal=False)
    )


QUIET = Sweep(
    name="quiet",
    title="nothing: every connection of a run on either engine is watched (strace)",
    holds="connections and messages go to this machine only; no name is looked up",
    points=_make_points,
    short=5,
    long=None,
)
