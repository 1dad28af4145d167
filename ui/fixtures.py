"""Runs to look at in the UI: successful and failed ones, a long one, and a deployment that a worker ran."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from urllib.request import Request, urlopen

from server import Server

CUSTOMERS = "Ada\nGrace\n\nBarbara\n"
LONG = 3_000_000  # lines: longer than the two seconds until progress is shown


@dataclass(frozen=True)
class Fixtures:
    """Ids of the runs and of the deployment."""

    succeeded: str
    failed: str
    busy: str
    long: str
    by_worker: str
    deployment: str


def create_fixtures(server: Server) -> Fixtures:
    """Run the commands as a person does, and return the ids of the runs and the deployment."""
    for name in ("customers.txt", "orders.txt", "late.txt"):
        (server.folder / name).write_text(CUSTOMERS, encoding="utf-8")
    with (server.folder / "long.txt").open("w", encoding="utf-8") as long:
        long.writelines(f"line {n} of a file that takes a while\n" for n in range(LONG))
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
    return Fixtures(
        succeeded=_find_run(server, "customers.txt"),
        failed=_find_run(server, "orders.txt and 1 more"),
        busy=_find_run(server, "late.txt"),
        long=_find_run(server, "long.txt"),
        by_worker=_find_id(server, "flow_runs", {"flow_runs": {"tags": {"all_": ["by-worker"]}}}),
        deployment=_find_id(server, "deployments", {"deployments": {"name": {"any_": ["nightly"]}}}),
    )


def _find_run(server: Server, name: str) -> str:
    started_here = {"deployment_id": {"is_null_": True}, "name": {"any_": [name]}}
    return _find_id(server, "flow_runs", {"flow_runs": started_here})


def _find_id(server: Server, what: str, body: object) -> str:
    """Return the id of the only object that a filter of the API finds."""
    request = Request(
        f"{server.url}/api/{what}/filter", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:
        (found,) = json.load(answer)
    return str(found["id"])


def _require_exit_code(expected: int, code: int) -> None:
    if expected != code:
        raise SystemExit(f"exit code {code}, expected {expected}")
