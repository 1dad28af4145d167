"""Prefect in trouble: an API that is away, slow, unwilling or mad, and signals while it runs."""

import json
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from children import Ended, said, started
from prefect_proxy import Trouble, closed, garbage, half, late, proxied, silent, status
from prefect_servers import home, kill_server, server_url
from sweep import Point, Sweep, must

_LIMIT = 300.0  # seconds in which a command must end, whatever Prefect's API does: four minutes and some
_INPUTS = ("one.txt", "two.txt")
_RECORDS = 3
_REQUESTS = 13  # a run of two inputs makes so many

_DONE, _GAVE_UP = 0, 8


def prepared(folder: Path) -> None:
    """Write the inputs."""
    for name in _INPUTS:
        (folder / name).write_text("".join(f"{name} {line}\n" for line in range(_RECORDS)), encoding="utf-8")


def _ended(folder: Path, words: Iterable[str], variables: Mapping[str, str]) -> tuple[Ended, float]:
    """Run the command to its end, and return how it ended and after how many seconds."""
    start = time.monotonic()
    with started([*words], folder, variables) as process:
        try:
            process.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
    ended = Ended(process.returncode, said(folder / "out"), said(folder / "err"))
    return ended, time.monotonic() - start


def _batches(database: Path) -> list[tuple[str, str, int, int]]:
    """Return what there is of batches: source, status, records promised and records there."""
    if not database.exists():
        return []
    with closing(sqlite3.connect(database)) as connection:
        must(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the database is corrupt")
        return connection.execute(
            "SELECT source, status, record_count,"
            " (SELECT count(*) FROM processed_records WHERE batch_id = batches.id)"
            " FROM processing_batches AS batches ORDER BY source"
        ).fetchall()


def whole(database: Path) -> list[tuple[str, str, int, int]]:
    """Make sure that each batch is there once, with all of its records, and return them all."""
    batches = _batches(database)
    must(all(promised == there == _RECORDS for _, _, promised, there in batches), f"not whole: {batches}")
    must(len({source for source, *_ in batches}) == len(batches), f"twice: {batches}")
    return batches


def goes_on(folder: Path) -> None:
    """Make sure that the same command on the local engine finishes the work."""
    ended, _ = _ended(folder, ["--engine", "local", "--log-level", "OFF", "run-all", *_INPUTS], {})
    must(ended.code == _DONE, f"the local engine does not go on: {ended}")
    statuses = [state for _, state, *_ in whole(folder / "data/pipeline.db")]
    must(statuses == ["finalized"] * len(_INPUTS), f"the local engine leaves {statuses}")
    left = [path.name for path in (folder / "data/output").iterdir() if path.suffix == ".tmp"]
    must(not left, f"left: {left}")


def _truth(folder: Path, ended: Ended) -> list[bool]:
    """Make sure that what a run said is what the database holds; return which inputs were done."""
    must("Traceback" not in ended.out + ended.err, f"a traceback: {ended}")
    document = json.loads(ended.out)
    finalized = {source for source, state, *_ in whole(folder / "data/pipeline.db") if state == "finalized"}
    done = []
    for name, run in zip(_INPUTS, document["runs"], strict=True):
        done.append(run["success"])
        there = (folder / name).absolute().as_uri() in finalized
        must(there or not run["success"], f"{name} was said to be done: {document}")
        code = (run["error"] or {}).get("code")
        must(
            run["success"] or code in ("orchestration.failed", "orchestration.not_run"), f"{name}: {document}"
        )
    must(ended.code == (_DONE if all(done) else _GAVE_UP), f"the exit code is wrong: {ended}")
    return done


def _tried(
    folder: Path, url: str, variables: Mapping[str, str] | None = None, *, may_be_done: bool = True
) -> None:
    """Run the command against an API, and see that every promise holds."""
    prepared(folder)
    words = ["--log-level", "WARNING", "run-all", "--json", *_INPUTS]
    ended, seconds = _ended(folder, words, {"PREFECT_API_URL": url, **(variables or {})})
    must(seconds < _LIMIT, f"it took more than {_LIMIT:g} s: {ended}")
    done = _truth(folder, ended)
    must(may_be_done or not any(done), f"done, though nothing answers: {ended}")
    goes_on(folder)


def _refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    _tried(folder, f"http://127.0.0.1:{port}/api", may_be_done=False)


def _mute(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        _tried(folder, url, may_be_done=False)


def _unknown(folder: Path) -> None:
    _tried(folder, "http://no-such-host.invalid/api", may_be_done=False)


def _troubled(
    folder: Path, trouble: Trouble, first: int, times: int, variables: Mapping[str, str] | None = None
) -> None:
    with proxied(server_url(), trouble, first, times) as (url, _):
        _tried(folder, url, variables)


def _server_killed(folder: Path, first: int) -> None:
    def kill(_request: object) -> bool:
        kill_server()
        return True

    with proxied(server_url(), kill, first, 1) as (through, _):
        _tried(folder, through)


_ALWAYS = 1_000_000
_IMPATIENT = {"PREFECT_API_REQUEST_TIMEOUT": "4", "PREFECT_CLIENT_MAX_RETRIES": "1"}
_TROUBLES: dict[str, Trouble] = {
    "500": status(500),
    "503": status(503),
    "429": status(429),
    "401": status(401),
    "404": status(404),
    "no JSON": garbage(b"\x00\x1b[31m<<<not json", "text/html"),
    "other JSON": garbage(b'{"an\\u001b[31m": ["other", 1e999]}'),
    "closed": closed,
    "half": half,
}


def _trouble(size: int | None, random: Random) -> Iterable[Point]:
    fixed: dict[str, Callable[[Path], None]] = {
        "connection refused": _refused,
        "accepts and never answers": _mute,
        "a name that does not resolve": _unknown,
        "each answer 0.2 s late": partial(_troubled, trouble=late(0.2), first=1, times=_ALWAYS),
        "silent from request 9 on, with less patience": partial(
            _troubled, trouble=silent, first=9, times=_ALWAYS, variables=_IMPATIENT
        ),
    }
    if size != PREFECT.short:
        fixed["silent from request 9 on"] = partial(_troubled, trouble=silent, first=9, times=_ALWAYS)
    home()
    points = [Point(label, attempt) for label, attempt in fixed.items()]
    kinds = [*_TROUBLES, "killed"]
    for number in range((size or 200) - len(points)):
        kind = kinds[number % len(kinds)]
        first = random.randint(1, _REQUESTS)
        if kind == "killed":
            points.append(Point(f"killed at request {first}", partial(_server_killed, first=first)))
            continue
        times = random.choice((1, 1, 3, _ALWAYS))
        label = f"{kind} at request {first}, {'from then on' if times == _ALWAYS else f'{times} times'}"
        attempt = partial(_troubled, trouble=_TROUBLES[kind], first=first, times=times)
        points.append(Point(label, attempt))
    return points[:size]


PREFECT = Sweep(
    name="prefect",
    title="Prefect's API is away, dies, is slow, refuses or answers nonsense",
    holds="data and results as on the local engine, exit 8 where not all ran, an end in time",
    points=_trouble,
    short=12,
    long=300,
)
