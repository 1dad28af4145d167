"""Several hosts on one machine: network namespaces, where root may make them, each with an address."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_NETWORK = "10.217.99"  # within the namespaces only; nothing of it is seen outside


@dataclass(frozen=True, slots=True)
class Host:
    """A place where programs run.

    Args:
        name: of the namespace; none where all are on loopback.
        address: that it listens on.
    """

    name: str | None
    address: str

    def command(self, *words: str) -> list[str]:
        """Return what runs a program there."""
        return ["ip", "netns", "exec", self.name, *words] if self.name else list(words)


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Make so many hosts that reach each other, and remove them at the end; loopback where that cannot be."""
    with ExitStack() as stack:
        try:
            yield _made(count, stack)
        except PermissionError:
            yield [Host(None, "127.0.0.1") for _ in range(count)]


def connect(hub: Host, number: int, *, up: bool) -> None:
    """Put a host, by its place in the list, on the network of the first one, or take it off."""
    if hub.name:
        _ip(hub.name, f"link set to{number + 1} {'up' if up else 'down'}")


def _made(count: int, stack: ExitStack) -> list[Host]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise PermissionError
    names = [f"scale-{os.getpid()}-{number}" for number in range(count)]
    hub = names[0]
    for name in names:
        if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
            raise PermissionError
        stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        _ip(name, "link set lo up")
    # The bridge is in the first one: with the namespaces, all of it is gone.
    _ip(hub, "link add bridge type bridge")
    _ip(hub, f"addr add {_NETWORK}.1/24 dev bridge")
    _ip(hub, "link set bridge up")
    for number, name in enumerate(names[1:], 2):
        _ip(hub, f"link add to{number} type veth peer name eth0 netns {name}")
        _ip(hub, f"link set to{number} master bridge up")
        _ip(name, f"addr add {_NETWORK}.{number}/24 dev eth0")
        _ip(name, "link set eth0 up")
    return [Host(name, f"{_NETWORK}.{number}") for number, name in enumerate(names, 1)]


def _ip(name: str, words: str) -> None:
    subprocess.run(["ip", "-n", name, *words.split()], check=True)
