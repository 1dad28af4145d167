"""The command under a watch of where it connects to: nothing leaves the machine."""

import re
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

from children import COMMAND
from sweep import Point, Sweep, must
from terminal import written

_CALLS = "trace=connect,sendto,sendmsg,sendmmsg"
_V4 = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_V6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"')
_NAMES = 53  # the port where names are looked up, be it of a resolver on this machine

_AS_A_LIBRARY = """
from pipeline_orchestration import PipelineRunner
print(PipelineRunner(engine="prefect").run("x.txt").code)
"""


def _watched(folder: Path, command: list[str], *, terminal: bool) -> None:
    """Run a command as outside of tests and CI, where Prefect is silent by itself, and see where it went."""
    (folder / "x.txt").write_text("one\n", encoding="utf-8")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "TERM": "xterm"}
    trace = folder / "trace"
    strace = ["strace", "-f", "-e", _CALLS, "-o", str(trace)]
    code, said = written([*strace, *command], folder, environment, terminal=terminal)
    must(code == 0, f"exit {code}: {said!r}")
    text = trace.read_text(encoding="utf-8", errors="replace")
    went = {(address, int(port)) for port, address in (*_V4.findall(text), *_V6.findall(text))}
    out = [place for place in went if not _local(*place)]
    must(not out, f"went out to {out}")
    must(went or "local" in command, "nothing was traced")


def _local(address: str, port: int) -> bool:
    return port != _NAMES and (address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1"))


def _points(_size: int | None, _random: Random) -> Iterable[Point]:
    run = [COMMAND, "--engine"]
    commands = {
        "the local engine": [*run, "local", "run-all", "x.txt"],
        "the Prefect engine and its temporary server": [*run, "prefect", "run-all", "x.txt"],
    }
    for name, command in commands.items():
        for terminal, sink in ((False, "a pipe"), (True, "a terminal")):
            yield Point(f"{name}, into {sink}", partial(_watched, command=command, terminal=terminal))
    library = [sys.executable, "-c", _AS_A_LIBRARY]
    yield Point("the Prefect engine as a library", partial(_watched, command=library, terminal=False))


QUIET = Sweep(
    name="quiet",
    title="a run on either engine, with every connection watched",
    holds="no connection and no message but to this machine, and no name looked up",
    points=_points,
    short=5,
    long=None,
)
