"""Sweep over faults of Prefect's API: unreachable, slow, refusing, or answering nonsense."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import Random

from checks import DATABASE, Batch, read_batches
from prefect_proxy import (
    Fault,
    answer_body,
    answer_status,
    break_off_answer,
    close_connection,
    delay_request,
    never_answer,
    run_proxy,
)
from prefect_servers import get_migrated_home, kill_server, start_server
from processes import ProcessResult, read_output, start_command
from sweep import Point, Sweep, require

INPUTS = ("one.txt", "two.txt")

_TIMEOUT = 300.0  # seconds in which a command must end, whatever Prefect's API does; it needs just over 240
_RECORDS = 3  # in each input
_REQUESTS = 13  # that a run of two inputs makes

_SUCCESS, _ORCHESTRATION_FAILED = 0, 8


def write_inputs(folder: Path) -> None:
    """Write the input files."""
    for name in INPUTS:
        (folder / name).write_text("".join(f"{name} {line}\n" for line in range(_RECORDS)), encoding="utf-8")


def _run_command(
    folder: Path, words: Iterable[str], variables: Mapping[str, str]
) -> tuple[ProcessResult, float]:
    """Run the command, and return its result and the seconds it took."""
    start = time.monotonic()
    with start_command([*words], folder, variables) as process:
        try:
            process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
    result = ProcessResult(process.returncode, read_output(folder / "out"), read_output(folder / "err"))
    return result, time.monotonic() - start


def check_batches(database: Path, records: int = _RECORDS) -> list[Batch]:
    """Check that each source has at most one batch, with all of its records, and return the batches."""
    batches = read_batches(database)
    require(all(batch.record_count == records for batch in batches), f"incomplete batches: {batches}")
    require(len({batch.source for batch in batches}) == len(batches), f"a source was loaded twice: {batches}")
    return batches


def check_resume(folder: Path) -> None:
    """Check that the same command on the local engine finishes the work."""
    result, _ = _run_command(folder, ["--engine", "local", "--log-level", "OFF", "run-all", *INPUTS], {})
    require(result.code == _SUCCESS, f"the local engine cannot resume: {result}")
    statuses = [batch.status for batch in check_batches(folder / DATABASE)]
    require(statuses == ["finalized"] * len(INPUTS), f"batches after the local engine: {statuses}")
    left = [path.name for path in (folder / "data/output").iterdir() if path.suffix == ".tmp"]
    require(not left, f"files left behind: {left}")


def _check_report(folder: Path, result: ProcessResult) -> list[bool]:
    """Check that a run's report agrees with the database; return for each input whether it was done."""
    require("Traceback" not in result.out + result.err, f"a traceback: {result}")
    document = json.loads(result.out)
    batches = check_batches(folder / DATABASE)
    finalized = {batch.source for batch in batches if batch.status == "finalized"}
    done = []
    for name, run in zip(INPUTS, document["runs"], strict=True):
        done.append(run["success"])
        there = (folder / name).absolute().as_uri() in finalized
        require(there or not run["success"], f"{name} was reported as done, but is not: {document}")
        code = (run["error"] or {}).get("code")
        require(
            run["success"] or code in ("orchestration.failed", "orchestration.not_run"), f"{name}: {document}"
        )
    expected = _SUCCESS if all(done) else _ORCHESTRATION_FAILED
    require(result.code == expected, f"expected exit code {expected}: {result}")
    return done


def _check_run(
    folder: Path, url: str, variables: Mapping[str, str] | None = None, *, may_be_done: bool = True
) -> None:
    """Run the command against an API, and check that every promise holds."""
    write_inputs(folder)
    words = ["--log-level", "WARNING", "run-all", "--json", *INPUTS]
    result, seconds = _run_command(folder, words, {"PREFECT_API_URL": url, **(variables or {})})
    require(seconds < _TIMEOUT, f"it took more than {_TIMEOUT:g} s: {result}")
    done = _check_report(folder, result)
    require(may_be_done or not any(done), f"done, though no API answers: {result}")
    check_resume(folder)


def _check_refused_connection(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    _check_run(folder, f"http://127.0.0.1:{port}/api", may_be_done=False)


def _check_mute_server(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        _check_run(folder, url, may_be_done=False)


def _check_unknown_host(folder: Path) -> None:
    _check_run(folder, "http://no-such-host.invalid/api", may_be_done=False)


def _check_proxy_fault(
    folder: Path, fault: Fault, first: int, times: int, variables: Mapping[str, str] | None = None
) -> None:
    with run_proxy(start_server(), fault, first, times) as (url, _):
        _check_run(folder, url, variables)


def _check_killed_server(folder: Path, first: int) -> None:
    def kill(_request: object) -> bool:
        kill_server()
        return True

    with run_proxy(start_server(), kill, first, 1) as (through, _):
        _check_run(folder, through)


_ALWAYS = 1_000_000
_SHORT_TIMEOUTS = {"PREFECT_API_REQUEST_TIMEOUT": "4", "PREFECT_CLIENT_MAX_RETRIES": "1"}
_FAULTS: dict[str, Fault] = {
    "500": answer_status(500),
    "503": answer_status(503),
    "429": answer_status(429),
    "401": answer_status(401),
    "404": answer_status(404),
    "no JSON": answer_body(b"\x00\x1b[31m<<<not json", "text/html"),
    "other JSON": answer_body(b'{"an\\u001b[31m": ["other", 1e999]}'),
    "a closed connection": close_connection,
    "half an answer": break_off_answer,
}


def _make_points(size: int | None, random: Random) -> Iterable[Point]:
    # Those that take longest come first, so that no worker is left with one of them at the end.
    fixed: dict[str, Callable[[Path], None]] = {
        "no answer from request 9 on, with short timeouts": partial(
            _check_proxy_fault, fault=never_answer, first=9, times=_ALWAYS, variables=_SHORT_TIMEOUTS
        ),
        "accepts and never answers": _check_mute_server,
        "each answer 0.2 s late": partial(
            _check_proxy_fault, fault=delay_request(0.2), first=1, times=_ALWAYS
        ),
        "connection refused": _check_refused_connection,
        "a host name that does not resolve": _check_unknown_host,
    }
    if size != PREFECT.short:
        slowest = partial(_check_proxy_fault, fault=never_answer, first=9, times=_ALWAYS)
        fixed = {"no answer from request 9 on": slowest, **fixed}
    get_migrated_home()
    points = [Point(label, attempt) for label, attempt in fixed.items()]
    kinds = [*_FAULTS, "killed"]
    for number in range((size or 200) - len(points)):
        kind = kinds[number % len(kinds)]
        first = random.randint(1, _REQUESTS)
        if kind == "killed":
            points.append(
                Point(f"server killed at request {first}", partial(_check_killed_server, first=first))
            )
            continue
        times = random.choice((1, 1, 3, _ALWAYS))
        label = f"{kind} at request {first}, {'from then on' if times == _ALWAYS else f'{times} times'}"
        attempt = partial(_check_proxy_fault, fault=_FAULTS[kind], first=first, times=times)
        points.append(Point(label, attempt))
    return points[:size]


PREFECT = Sweep(
    name="prefect",
    title="Prefect's API is unreachable, dies, is slow, refuses or answers nonsense",
    holds="same data and results as on the local engine; exit 8 if not all inputs ran; the run ends in time",
    points=_make_points,
    short=12,
    long=300,
    workers=4,
)
