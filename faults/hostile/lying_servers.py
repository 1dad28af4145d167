"""Points of servers that lie: a PostgreSQL server whose answers do not fit, an API of Prefect's that refuses.

The command must end in time, with the exit code of the database or the engine, and say why in words.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from unittest.mock import patch

from prefect_proxy import Fault, answer_body, run_proxy
from prefect_servers import get_migrated_home, start_server
from processes import ProcessResult, build_arguments, read_output, run_forked, run_in_process, start_command
from sweep import Point, require

from pipeline_db.postgres import connection, diagnostics

from .lying_postgres import BEGINNINGS, LIES, Lie, run_lying_server

_STATEMENTS = 17  # that a run of one input sends, and one more
_DATABASE, _ORCHESTRATION = 6, 8  # exit codes
_PLAUSIBLE = {"no row", "numbers in place of each value", "the end of the connection"}
"""Lies that a true server may tell: no batch, a damaged database; then other exit codes are right."""
_EXITS = {"run": {4, _DATABASE, 7}, "doctor": {0, _DATABASE, 7}}
_TIMEOUT = 60.0  # seconds for a run on Prefect, most of which is its import

_PROBLEM = re.compile(r"Traceback|internal\.\w+|\x1b")


def _run_on_postgres(folder: Path, command: str, lie: Lie, at: int, exits: set[int]) -> str:
    (folder / "x.txt").write_text("one\ntwo\n", encoding="utf-8")
    words = ["doctor"] if command == "doctor" else ["run", "--busy-timeout", "0", "x.txt"]
    with run_lying_server(lie, at) as server:

        def work() -> int:
            # Instead of minutes.
            for name in ("_ANSWER_TIMEOUT", "_STORE_TIMEOUT", "_COUNT_TIMEOUT"):
                patch.object(connection, name, 1.0).start()
            patch.object(diagnostics, "_LONG_TIMEOUT", 1.0).start()
            return run_in_process(build_arguments("--db-url", server.url, *words))

        result = run_forked(work, folder)
    if not server.lied:
        require(result.code in {0, *exits}, "a failure without a lie", result)
        return "true"
    require(result.code in exits, f"expected one of the exit codes {exits}", result)
    require(not _PROBLEM.search(result.out + result.err), "no error in words", result)
    return f"exit {result.code}"


def _make_postgres_points(chance: Random) -> Iterator[Point]:
    for command in ("run", "doctor"):
        for name, lie in BEGINNINGS.items():
            attempt = partial(_run_on_postgres, command=command, lie=lie, at=0, exits={_DATABASE})
            yield Point(f"{command}: PostgreSQL begins with {name}", attempt)
        for name, lie in LIES.items():
            at = chance.randint(1, _STATEMENTS if command == "run" else 7)
            exits = _EXITS[command] if name in _PLAUSIBLE else {_DATABASE}
            attempt = partial(_run_on_postgres, command=command, lie=lie, at=at, exits=exits)
            yield Point(f"{command}: PostgreSQL answers statement {at} with {name}", attempt)


def _make_state_answer(status: str, state: str | None = None, **details: object) -> bytes:
    """Encode an answer to a state that a run proposes."""
    whole = state and {
        "id": "00000000-0000-4000-8000-000000000000",
        "type": state,
        "name": state.title(),
        "timestamp": "2026-01-01T00:00:00Z",
        "message": "\x1b[31mred",
    }
    details["type"] = f"{status.lower()}_details"
    return json.dumps({"status": status, "state": whole, "details": details}).encode()


_STATE_ANSWERS = {
    "ABORT": _make_state_answer("ABORT", reason="\x1b[31mno"),
    "ABORT without a reason": _make_state_answer("ABORT"),
    "REJECT, paused": _make_state_answer("REJECT", "PAUSED", reason="later"),
    "REJECT, completed": _make_state_answer("REJECT", "COMPLETED", reason="done"),
    "REJECT, crashed": _make_state_answer("REJECT", "CRASHED", reason="\x1b[31m"),
    "WAIT, for ever": _make_state_answer("WAIT", delay_seconds=10**9),
    "WAIT, backwards": _make_state_answer("WAIT", delay_seconds=-1),
    "ACCEPT without a state": _make_state_answer("ACCEPT"),
    "MAYBE": _make_state_answer("MAYBE"),
    "a number": b"7",
    "deep nesting": b"[" * 100_000,
    "bytes that are no text": b"\xff\xfe",
}


def _refuse_states(answer: bytes) -> Fault:
    reply = answer_body(answer)
    return lambda request: True if not request.path.endswith("/set_state") else reply(request)


def _run_on_prefect(folder: Path, answer: bytes) -> str:
    (folder / "x.txt").write_text("one\ntwo\n", encoding="utf-8")
    started = time.monotonic()
    with run_proxy(start_server(), _refuse_states(answer), 1, 1_000_000) as (url, _):
        words = ["--log-level", "OFF", "run-all", "x.txt"]
        with start_command(words, folder, {"PREFECT_API_URL": url}) as process:
            try:
                process.wait(_TIMEOUT)
            finally:
                process.kill()
    result = ProcessResult(process.returncode, read_output(folder / "out"), read_output(folder / "err"))
    require(time.monotonic() - started < _TIMEOUT, f"it took more than {_TIMEOUT:g} s", result)
    require(result.code == _ORCHESTRATION, f"expected exit code {_ORCHESTRATION}", result)
    require(not _PROBLEM.search(result.out + result.err), "no error in words", result)
    return f"exit {result.code}"


def _make_prefect_points() -> Iterator[Point]:
    get_migrated_home()
    for name, answer in _STATE_ANSWERS.items():
        attempt: Callable[[Path], object] = partial(_run_on_prefect, answer=answer)
        yield Point(f"run: Prefect's API answers each state with {name}", attempt)


def make_lying_server_points(chance: Random) -> list[Point]:
    """Make a point for each lie: those of PostgreSQL at its beginning, and at a statement by chance."""
    points = [*_make_prefect_points(), *_make_postgres_points(chance)]
    chance.shuffle(points)
    return points
