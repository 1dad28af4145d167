"""One process that does anything in any order for a long time: what it holds stays level."""

import gc
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

from sweep import Point, Sweep, must

from pipeline_orchestration import PipelineRunner, RunResult

_EVERY = 20  # samples in the whole time
_FIRST = 0.25  # of the time: caches and memory pools fill
_GROWTH = 8 << 20  # bytes that memory may gain between the halves of what follows
_LARGER = 1.5  # the database may be, whose batches are drawn by chance and are some 50 at any time
_FILES = 12
_CONTENT = ["a", "größe", "\n", "\r\n", "\r", " ", "\u2028", "🎉", 2000 * "x"]
_KINDS = ["run", "again", "refused", "memory", "finalize", "busy", "changed", "load"]


@dataclass(slots=True)
class _Held:
    """What a process holds at a moment."""

    descriptors: int
    threads: int
    memory: int
    database: int


def _held(database: int) -> _Held:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    page = os.sysconf("SC_PAGE_SIZE")
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return _Held(descriptors, threading.active_count(), resident * page, database)


@dataclass(slots=True)
class _Life:
    """Runs in one folder, all in this process."""

    folder: Path
    random: Random
    changed: int = 0
    done: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))

    def runner(self, **settings: object) -> PipelineRunner:
        given = {"output_dir": self.folder / "out", "db_path": self.folder / "p.db", **settings}
        return PipelineRunner(engine="local", log_level="OFF", **given)  # type: ignore[arg-type]

    def file(self) -> Path:
        return self.folder / f"{self.random.randrange(_FILES)}.txt"

    def write(self, file: Path) -> None:
        lines = self.random.choices(_CONTENT, k=self.random.randrange(200))
        file.write_text("".join(lines), encoding="utf-8", newline="")

    def act(self, kind: str) -> None:
        """Do one thing, and see that it ends as such things end."""
        self.done[kind] += 1
        action: Callable[[], None] = getattr(self, f"_{kind}")
        action()

    def _run(self) -> None:
        _ended(self.runner().run(self.file()))

    def _again(self) -> None:
        """Load what is there already: the database does not grow by it."""
        file = self.file()
        _ended(self.runner().run(file))
        before = self.database()
        must(self.runner().run(file).duplicate, f"{file.name}: no duplicate")
        must(self.database() == before, f"duplicates make {before} bytes {self.database()}")
        _ended(self.runner(on_duplicate="error").run(file), "batch.duplicate")

    def _refused(self) -> None:
        bad = self.folder / "bad.txt"
        bad.write_bytes(self.random.choice([b"a\n\xff", b"\0", 100_000 * b"a\n" + b"\xff"]))
        _ended(self.runner().run(bad), "input.undecodable", "input.nul")
        _ended(self.runner().run(self.folder / "missing"), "input.missing")

    def _memory(self) -> None:
        data: list[object] = list(map(str, range(self.random.randrange(50))))
        _ended(self.runner().run_from("B", data))
        _ended(self.runner().run_from("B", [*data, 7]), "input.shape")

    def _finalize(self) -> None:
        number = self.random.choice([1, 2, 10**6, 0, "x"])
        _ended(self.runner().run_from("C", number), "", "batch.not_found", "input.id", "input.missing")

    def _busy(self) -> None:
        """Meet somebody who holds the write lock and does not let go."""
        _ended(self.runner().run(self.folder / "0.txt"))
        with closing(sqlite3.connect(self.folder / "p.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            _ended(self.runner(busy_timeout=0.01).run_single("C", 1), "database.busy")

    def _changed(self) -> None:
        """Run a file that has become another: as many batches, in each life, as there is time for."""
        file = self.file()
        self.changed += 1
        self.write(file)
        _ended(self.runner().run(file))

    def _load(self) -> None:
        """Have a batch a second time, and take both away again, as whoever keeps the database may."""
        _ended(self.runner(on_duplicate="load").run(self.file()))
        with closing(sqlite3.connect(self.folder / "p.db")) as database, database:
            database.execute(
                "DELETE FROM processed_records WHERE batch_id IN"
                " (SELECT id FROM processing_batches ORDER BY id DESC LIMIT -1 OFFSET 50)"
            )
            database.execute(
                "DELETE FROM processing_batches WHERE id NOT IN"
                " (SELECT id FROM processing_batches ORDER BY id DESC LIMIT 50)"
            )

    def database(self) -> int:
        path = self.folder / "p.db"
        return path.stat().st_size if path.exists() else 0

    def outputs(self) -> list[str]:
        return [path.name for path in (self.folder / "out").glob("*")]


def _ended(result: RunResult, *codes: str) -> None:
    """Make sure that a run ended with one of the codes; in success, where none or an empty one is given."""
    code = result.code or ""
    must(code in (codes or ("",)), f"{code}: {result.error}")


def _points(size: int | None, random: Random) -> Iterable[Point]:
    seconds = size or 60
    seed = random.randrange(2**32)
    yield Point(f"{seconds} s of operations by seed {seed}", partial(_soak, seconds, seed), seconds)


def _soak(seconds: int, seed: int, folder: Path) -> None:
    life = _Life(folder, random.Random(seed))
    for number in range(_FILES):
        life.write(folder / f"{number}.txt")
    start = time.monotonic()
    samples: list[_Held] = []
    while (passed := time.monotonic() - start) < seconds:
        life.act(life.random.choice(_KINDS))
        due = (passed / seconds - _FIRST) * _EVERY
        if due > len(samples):
            samples.append(_held(life.database()))
            _check_folder(life)
    _check(samples)
    must(all(life.done.values()), f"not all was done: {life.done}")


def _check_folder(life: _Life) -> None:
    outputs = life.outputs()
    must(len(outputs) <= _FILES, f"more outputs than inputs: {outputs}")
    must(not any(name.endswith(".tmp") for name in outputs), f"temporary files stay: {outputs}")


def _check(samples: list[_Held]) -> None:
    must(len(samples) > 1, "there was no time for samples")
    must(len({each.descriptors for each in samples}) == 1, f"descriptors: {samples}")
    must(len({each.threads for each in samples}) == 1, f"threads: {samples}")
    half = len(samples) // 2
    before, after = (max(each.memory for each in part) for part in (samples[:half], samples[half:]))
    must(after - before <= _GROWTH, f"memory grew from {before} to {after} bytes: {samples}")
    before, after = (max(each.database for each in part) for part in (samples[:half], samples[half:]))
    must(after <= _LARGER * before, f"the database grew from {before} to {after} bytes: {samples}")


SOAK = Sweep(
    name="soak",
    title="runs, refusals, duplicates, locks, data in memory, by chance, in one process; points are seconds",
    holds="descriptors, threads, memory and the database stay level, which duplicates do not make grow",
    points=_points,
    short=0,
    long=3600,
    workers=1,
)
