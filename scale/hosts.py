"""Several hosts on one machine: network namespaces with an address each, if root may create them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_NETWORK = "10.217.99"  # within the namespaces only, invisible outside


@dataclass(frozen=True, slots=True)
class Host:
    """A host that programs run on.

    Args:
        name: name of the namespace; None on loopback.
        address: address that its programs listen on.
    """

    name: str | None
    address: str

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a program on the host."""
        return ["ip", "netns", "exec", self.name, *words] if self.name else list(words)


@contextmanager
def create_hosts(count: int) -> Iterator[list[Host]]:
    """Create connected hosts for the block; without the rights for namespaces, all are on loopback."""
    with ExitStack() as stack:
        try:
            yield _create_namespaces(count, stack)
        except PermissionError:
            yield [Host(None, "127.0.0.1") for _ in range(count)]


def set_connected(hub: Host, number: int, *, up: bool) -> None:
    """Connect a host, by its index in the list, to the network of the first one, or disconnect it."""
    if hub.name:
        _run_ip(hub.name, f"link set to{number + 1} {'up' if up else 'down'}")


def _create_namespaces(count: int, stack: ExitStack) -> list[Host]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise PermissionError
    names = [f"scale-{os.getpid()}-{number}" for number in range(count)]
    hub = names[0]
    for name in names:
        if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
            raise PermissionError
        stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        _run_ip(name, "link set lo up")
    # The bridge is in the first namespace, so it is removed together with the namespaces.
    _run_ip(hub, "link add bridge type bridge")
    _run_ip(hub, f"addr add {_NETWORK}.1/24 dev bridge")
    _run_ip(hub, "link set bridge up")
    for number, name in enumerate(names[1:], 2):
        _run_ip(hub, f"link add to{number} type veth peer name eth0 netns {name}")
        _run_ip(hub, f"link set to{number} master bridge up")
        _run_ip(name, f"addr add {_NETWORK}.{number}/24 dev eth0")
        _run_ip(name, "link set eth0 up")
    return [Host(name, f"{_NETWORK}.{number}") for number, name in enumerate(names, 1)]


def _run_ip(name: str, words: str) -> None:
    subprocess.run(["ip", "-n", name, *words.split()], check=True)
