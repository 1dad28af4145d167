"""Locks that are held: how long they are waited for, who is named, and that nobody loses a batch by it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from beside import long_load, two_runners
from children import arguments, command, forked, journal, ran
from many import together
from scenarios import Scenario
from state import DATABASE, check_exit
from sweep import Point, Sweep, must

from pipeline_db import PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source

_SLACK = 2.0  # seconds that a busy machine adds
_HOLDS = ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")


def wait_points(size: int | None, random: Random) -> Iterator[Point]:
    """Meet a lock in each of four ways."""
    for number in range(size or 4):
        mode, seconds = random.choice(["DELETE", "WAL"]), round(random.uniform(0, 1), 2)
        match number % 4:
            case 0:
                scenario = Scenario(random.choice(["ABC", "B", "C"]), mode)
                hold = random.choice(_HOLDS)
                label = f"{scenario}: {hold} by another process, timeout {seconds} s"
                yield Point(label, partial(_held, scenario, hold, seconds))
            case 1:
                yield Point(f"a load of 2 s, {mode}, timeouts {seconds} s", partial(long_load, mode, seconds))
            case 2:
                label = f"8 processes, {mode}, timeout {seconds / 10:.2f} s"
                yield Point(label, partial(_hurried, mode, seconds / 10))
            case _:
                yield Point(f"two runners in threads, {mode}", partial(two_runners, mode))


def _held(scenario: Scenario, hold: str, seconds: float, folder: Path) -> str:
    """Hold the lock for longer than the timeout: the whole wait is the timeout, and the holder is named."""
    place = scenario.prepared(folder)
    if not place.database.exists():
        Scenario("ABC", scenario.mode).prepared(folder)
        PeeweeStore(place.database).load(Source("file:///x", "x"), [[Record(1, "x")]], OnDuplicate.SKIP)
    holder = forked(lambda: _hold(place.database, hold), folder, folder / "holder")
    holder.let_go()
    while not (folder / "holding").exists():
        time.sleep(0.005)
    words = [*scenario.words[:-1], "--busy-timeout", str(seconds), scenario.words[-1]]
    start = time.monotonic()
    ended = ran(_in(scenario.mode, words), folder, folder / "printed")
    waited = time.monotonic() - start
    (folder / "let go").touch()
    must(holder.wait().code == 0, "the holder failed")
    must(ended.code == 6, f"not busy: {ended}")
    check_exit(ended.code, ended.err)
    must(f"in use by process {holder.pid} (" in ended.err, f"the holder is not named: {ended.err}")
    must(seconds <= waited <= seconds + _SLACK, f"waited for {waited:.2f} s")
    place.check_unbroken()
    again = ran(_in(scenario.mode, scenario.words), folder, folder / "again")
    must(again.code == 0, f"the same command again: {again}")
    return "exit 6"


def _hold(database: Path, hold: str) -> int:
    """Hold a lock until told to let go, or for a while."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(hold)
        Path("holding").touch()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not Path("let go").exists():
            time.sleep(0.01)
    return 0


def _in(mode: str, words: list[str]) -> Callable[[], int]:
    def run() -> int:
        journal(mode)
        return command(words)()

    return run


def _hurried(mode: str, seconds: float, folder: Path) -> str:
    """Have processes give up early: each batch is there or reported as not, and the next run brings it."""
    names = [f"{number}.txt" for number in range(8)]
    for name in names:
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    works = [_in(mode, arguments("run-all", "--busy-timeout", f"{seconds:.2f}", name)) for name in names]
    ended = together(works, folder)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        done = {
            source
            for (source,) in database.execute(
                "SELECT source FROM processing_batches WHERE status = 'finalized'"
            )
        }
    for name, each in zip(names, ended, strict=True):
        check_exit(each.code, each.err, allowed=frozenset({0, 6}))
        must(each.code or (folder / name).resolve().as_uri() in done, f"{name} was said to be done")
    for each in together([_in(mode, arguments("run-all", name)) for name in names], folder):
        must(each.code == 0, each)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        rows = list(
            database.execute("SELECT source, status, record_count FROM processing_batches ORDER BY source")
        )
    must(rows == [((folder / name).resolve().as_uri(), "finalized", 1) for name in names], rows)
    return "some gave up" if any(each.code for each in ended) else "none gave up"


WAITS = Sweep(
    "waits",
    "a writer holds the lock beyond the timeout; a long load beside others; two runners in threads",
    "the whole wait is the timeout, exit 6, the holder is named; no batch is lost; nothing crosses",
    wait_points,
    short=48,
    long=400,
    workers=1,
)
