"""Runs to look at in the UI: successful and failed ones, a long one, and a deployment that a worker ran."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from server import Server, find_objects

CUSTOMERS = "Ada\nGrace\n\nBarbara\n"
LONG = 3_000_000  # lines: longer than the two seconds until progress is shown
HOSTILE = "evil.invalid"
"""Host in hostile names; no page may ask it for anything."""
HOSTILE_NAMES = (
    f"![pixel](https:{HOSTILE}?p.png).txt",
    "[click](javascript:alert(1)).txt",
    f"<img src=https:{HOSTILE} onerror=alert(1)>.txt",
    "<a href=javascript:alert(1)>link<a>.txt",
    "<script>alert(1)<script><table><td>.txt",
    f"www.{HOSTILE}.txt",
    "a|b|*bold*|`code`.txt",
    "&lt;b&gt; # title.txt",
)
"""Names of files that mean something in Markdown or HTML, without the `/` that a name cannot have."""
MISSING = tuple(f"gone/{name}" for name in HOSTILE_NAMES)
LONG_HOSTILE = f"![long](https:{HOSTILE}?long.txt)"


@dataclass(frozen=True)
class Fixtures:
    """Ids of the runs and of the deployment."""

    succeeded: str
    failed: str
    busy: str
    long: str
    by_worker: str
    deployment: str
    hostile: str
    hostile_long: str
    hostile_deployment: str


def create_fixtures(server: Server) -> Fixtures:
    """Run the commands as a person does, and return the ids of the runs and the deployment."""
    for name in ("customers.txt", "orders.txt", "late.txt"):
        (server.folder / name).write_text(CUSTOMERS, encoding="utf-8")
    with (server.folder / "long.txt").open("w", encoding="utf-8") as long:
        long.writelines(f"line {n} of a file that takes a while\n" for n in range(LONG))
    for name in HOSTILE_NAMES:
        (server.folder / name).write_text(CUSTOMERS, encoding="utf-8")
    (server.folder / LONG_HOSTILE).hardlink_to(server.folder / "long.txt")
    _require_exit_code(0, server.run("pipeline", "run-all", "customers.txt"))
    _require_exit_code(3, server.run("pipeline", "run-all", "orders.txt", "invoices.txt"))
    with closing(sqlite3.connect(server.folder / "data/pipeline.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        _require_exit_code(6, server.run("pipeline", "run-all", "--busy-timeout", "0", "late.txt"))
    _require_exit_code(0, server.run("pipeline", "--log-level", "WARNING", "run-all", "long.txt"))
    schedule = ("--cron", "0 2 * * *", "--timezone", "Europe/Vienna")
    _require_exit_code(0, server.run("pipeline", "deploy", "nightly", "customers.txt", *schedule))
    _require_exit_code(
        0, server.run("prefect", "deployment", "run", "run_pipeline/nightly", "--tag", "by-worker")
    )
    _require_exit_code(0, server.run("prefect", "worker", "start", "--pool", "pipeline", "--run-once"))
    _require_exit_code(3, server.run("pipeline", "run-all", *HOSTILE_NAMES, *MISSING))
    _require_exit_code(0, server.run("pipeline", "--log-level", "WARNING", "run-all", LONG_HOSTILE))
    _require_exit_code(0, server.run("pipeline", "deploy", "hostile", *HOSTILE_NAMES))
    return Fixtures(
        succeeded=_find_run(server, "customers.txt"),
        failed=_find_run(server, "orders.txt and 1 more"),
        busy=_find_run(server, "late.txt"),
        long=_find_run(server, "long.txt"),
        by_worker=_find_id(server, "flow_runs", {"flow_runs": {"tags": {"all_": ["by-worker"]}}}),
        deployment=_find_deployment(server, "nightly"),
        hostile=_find_run(server, f"{HOSTILE_NAMES[0]} and {len(HOSTILE_NAMES + MISSING) - 1} more"),
        hostile_long=_find_run(server, LONG_HOSTILE),
        hostile_deployment=_find_deployment(server, "hostile"),
    )


def _find_run(server: Server, name: str) -> str:
    started_here = {"deployment_id": {"is_null_": True}, "name": {"any_": [name]}}
    return _find_id(server, "flow_runs", {"flow_runs": started_here})


def _find_deployment(server: Server, name: str) -> str:
    return _find_id(server, "deployments", {"deployments": {"name": {"any_": [name]}}})


def _find_id(server: Server, what: str, body: object) -> str:
    """Return the id of the only object that a filter of the API finds."""
    (found,) = find_objects(server.url, what, body)
    return found["id"]


def _require_exit_code(expected: int, code: int) -> None:
    if expected != code:
        raise SystemExit(f"exit code {code}, expected {expected}")
