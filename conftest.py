"""How pytest-xdist shares the tests out between its processes, and what Ctrl-C does in them."""

import signal

import pytest


def pytest_configure() -> None:
    """Let Ctrl-C raise an exception also where the tests run in the background, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the tests of a module that use the Prefect server in the same way in one process.

    A process starts one server, which takes 20 s, and needs none if it gets no such tests. Small groups keep
    the processes equally busy. Ray is started by one test at a time, as it needs all cores for that.
    """
    if isinstance(item, pytest.Function) and not any(item.iter_markers("xdist_group")):
        values = item.callspec.params.values() if hasattr(item, "callspec") else ()
        ways = [value for value in values if isinstance(value, str) and value.startswith("prefect")]
        if "prefect-ray" in ways:
            item.add_marker(pytest.mark.xdist_group("ray"))
        elif ways or "prefect_server" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("-".join(["prefect_server", item.path.stem, *ways])))
