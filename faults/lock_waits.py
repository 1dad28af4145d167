"""Sweep over held locks: how long a run waits, which process it names, and that no batch is lost."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from checks import DATABASE, check_exit
from concurrent_load import check_long_load, check_two_runners
from many_processes import run_together
from processes import build_arguments, fork_child, run_forked, run_in_process
from scenarios import Scenario
from sweep import Point, Sweep, require

from pipeline_db import PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

_SLACK = 2.0  # seconds that a busy machine may add
_HOLDS = ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")


def make_points(size: int | None, random: Random) -> Iterator[Point]:
    """Meet a lock in four ways, in turn."""
    for number in range(size or 4):
        mode, seconds = random.choice(["DELETE", "WAL"]), round(random.uniform(0, 1), 2)
        match number % 4:
            case 0:
                scenario = Scenario(random.choice(["ABC", "B", "C"]), mode)
                hold = random.choice(_HOLDS)
                label = f"{scenario}: {hold} by another process, timeout {seconds} s"
                yield Point(label, partial(_check_held_lock, scenario, hold, seconds))
            case 1:
                yield Point(
                    f"a load of 2 s, {mode}, timeouts {seconds} s", partial(check_long_load, mode, seconds)
                )
            case 2:
                label = f"8 processes, {mode}, timeout {seconds / 10:.2f} s"
                yield Point(label, partial(_check_short_timeouts, mode, seconds / 10))
            case _:
                yield Point(f"two runners in threads, {mode}", partial(check_two_runners, mode))


def _check_held_lock(scenario: Scenario, hold: str, seconds: float, folder: Path) -> str:
    """Hold the lock for longer than the timeout: the run waits for the timeout and names the holder."""
    place = scenario.prepare(folder)
    if not place.database.exists():
        Scenario("ABC", scenario.mode).prepare(folder)
        PeeweeStore(place.database).load(Source("file:///x", "x"), [[Record(1, "x")]], OnDuplicate.SKIP)
    holder = fork_child(lambda: _hold_lock(place.database, hold), folder, folder / "holder")
    holder.release()
    while not (folder / "holding").exists():
        time.sleep(0.005)
    words = [*scenario.words[:-1], "--busy-timeout", str(seconds), scenario.words[-1]]
    start = time.monotonic()
    result = run_forked(partial(run_in_process, words, mode=scenario.mode), folder, folder / "printed")
    waited = time.monotonic() - start
    (folder / "release").touch()
    require(holder.wait().code == 0, "the holder failed")
    require(result.code == 6, f"not busy: {result}")
    check_exit(result.code, result.err)
    require(f"in use by process {holder.pid} (" in result.err, f"the holder is not named: {result.err}")
    require(seconds <= waited <= seconds + _SLACK, f"waited for {waited:.2f} s")
    place.check_intact()
    again = run_forked(scenario.run, folder, folder / "again")
    require(again.code == 0, f"the same command again: {again}")
    return "exit 6"


def _hold_lock(database: Path, hold: str) -> int:
    """Hold a lock until the file `release` appears, for 30 seconds at most."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(hold)
        Path("holding").touch()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not Path("release").exists():
            time.sleep(0.01)
    return 0


def _check_short_timeouts(mode: str, seconds: float, folder: Path) -> str:
    """Give processes too little time: a batch is loaded or reported as failed; the next run loads it."""
    names = [f"{number}.txt" for number in range(8)]
    for name in names:
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    works = [
        partial(
            run_in_process, build_arguments("run-all", "--busy-timeout", f"{seconds:.2f}", name), mode=mode
        )
        for name in names
    ]
    results = run_together(works, folder)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        done = {
            source
            for (source,) in database.execute(
                "SELECT source FROM processing_batches WHERE status = 'finalized'"
            )
        }
    for name, each in zip(names, results, strict=True):
        check_exit(each.code, each.err, allowed=frozenset({0, 6}))
        require(
            each.code or (folder / name).resolve().as_uri() in done,
            f"{name} was reported as done, but is not",
        )
    for each in run_together(
        [partial(run_in_process, build_arguments("run-all", name), mode=mode) for name in names], folder
    ):
        require(each.code == 0, each)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        rows = list(
            database.execute("SELECT source, status, record_count FROM processing_batches ORDER BY source")
        )
    require(rows == [((folder / name).resolve().as_uri(), "finalized", 1) for name in names], rows)
    return "some gave up" if any(each.code for each in results) else "none gave up"


WAITS = Sweep(
    "waits",
    "a writer holds the lock beyond the timeout; a long load beside others; two runners in threads",
    "the run waits for the timeout only, ends with exit 6 and names the holder; no batch is lost; "
    "the runners do not mix",
    make_points,
    short=48,
    long=400,
)
