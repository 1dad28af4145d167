"""What there is to see: runs that succeed and fail, a long one, and a deployment that a worker ran."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from urllib.request import Request, urlopen

from server import Server

CUSTOMERS = "Ada\nGrace\n\nBarbara\n"
LONG = 3_000_000  # lines, which take longer than the two seconds before progress is shown


@dataclass(frozen=True)
class Scene:
    """Ids of what is to be looked at."""

    good: str
    bad: str
    busy: str
    long: str
    worked: str
    deployment: str


def played(server: Server) -> Scene:
    """Run it all, each as a person does, and return where it is to be seen."""
    for name in ("customers.txt", "orders.txt", "late.txt"):
        (server.folder / name).write_text(CUSTOMERS, encoding="utf-8")
    with (server.folder / "long.txt").open("w", encoding="utf-8") as long:
        long.writelines(f"line {n} of a file that takes a while\n" for n in range(LONG))
    _expect(0, server.run("pipeline", "run-all", "customers.txt"))
    _expect(3, server.run("pipeline", "run-all", "orders.txt", "invoices.txt"))
    with closing(sqlite3.connect(server.folder / "data/pipeline.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        _expect(6, server.run("pipeline", "run-all", "--busy-timeout", "0", "late.txt"))
    _expect(0, server.run("pipeline", "--log-level", "WARNING", "run-all", "long.txt"))
    schedule = ("--cron", "0 2 * * *", "--timezone", "Europe/Vienna")
    _expect(0, server.run("pipeline", "deploy", "nightly", "customers.txt", *schedule))
    _expect(0, server.run("prefect", "deployment", "run", "run_pipeline/nightly", "--tag", "by-worker"))
    _expect(0, server.run("prefect", "worker", "start", "--pool", "pipeline", "--run-once"))
    return Scene(
        good=_run(server, "customers.txt"),
        bad=_run(server, "orders.txt and 1 more"),
        busy=_run(server, "late.txt"),
        long=_run(server, "long.txt"),
        worked=_asked(server, "flow_runs", {"flow_runs": {"tags": {"all_": ["by-worker"]}}}),
        deployment=_asked(server, "deployments", {"deployments": {"name": {"any_": ["nightly"]}}}),
    )


def _run(server: Server, name: str) -> str:
    started_here = {"deployment_id": {"is_null_": True}, "name": {"any_": [name]}}
    return _asked(server, "flow_runs", {"flow_runs": started_here})


def _asked(server: Server, what: str, body: object) -> str:
    """Return the id of the one thing that the API has by a filter."""
    request = Request(
        f"{server.url}/api/{what}/filter", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:
        (found,) = json.load(answer)
    return str(found["id"])


def _expect(expected: int, code: int) -> None:
    if expected != code:
        raise SystemExit(f"it ended with {code}, not with {expected}")
