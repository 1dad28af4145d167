"""Soak test: one process does random operations for a long time, and its resource usage must not grow."""

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

from sweep import Point, Sweep, require

from pipeline_orchestration import PipelineRunner, RunResult

_SAMPLES = 20  # in the whole time
_WARM_UP = 0.25  # share of the time, in which caches and memory pools fill
_MEMORY_GROWTH = 8 << 20  # bytes that memory may grow from the first half of the samples to the second
_DATABASE_GROWTH = 1.5  # factor for the database, which has about 50 random batches at any time
_FILES = 12
_CONTENT = ["a", "größe", "\n", "\r\n", "\r", " ", "\u2028", "🎉", 2000 * "x"]
_KINDS = ["run", "again", "refused", "memory", "finalize", "busy", "changed", "load"]


@dataclass(slots=True)
class _Usage:
    """Resources that a process uses at one moment."""

    descriptors: int
    threads: int
    memory: int
    database: int


def _measure_usage(database: int) -> _Usage:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    page = os.sysconf("SC_PAGE_SIZE")
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return _Usage(descriptors, threading.active_count(), resident * page, database)


@dataclass(slots=True)
class _Workload:
    """Random operations in one folder, all in this process."""

    folder: Path
    random: Random
    changed: int = 0
    done: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_KINDS, 0))

    def runner(self, **settings: object) -> PipelineRunner:
        chosen = {"output_dir": self.folder / "out", "db_path": self.folder / "p.db", **settings}
        return PipelineRunner(engine="local", log_level="OFF", **chosen)  # type: ignore[arg-type]

    def choose_file(self) -> Path:
        return self.folder / f"{self.random.randrange(_FILES)}.txt"

    def rewrite(self, file: Path) -> None:
        lines = self.random.choices(_CONTENT, k=self.random.randrange(200))
        file.write_text("".join(lines), encoding="utf-8", newline="")

    def perform(self, kind: str) -> None:
        """Do one operation and check its result."""
        self.done[kind] += 1
        action: Callable[[], None] = getattr(self, f"_{kind}")
        action()

    def _run(self) -> None:
        _check_code(self.runner().run(self.choose_file()))

    def _again(self) -> None:
        """Load a file that is already loaded: the database must not grow."""
        file = self.choose_file()
        _check_code(self.runner().run(file))
        before = self.measure_database()
        require(self.runner().run(file).duplicate, f"{file.name}: not reported as a duplicate")
        require(
            self.measure_database() == before,
            f"a duplicate made the database grow from {before} to {self.measure_database()} bytes",
        )
        _check_code(self.runner(on_duplicate="error").run(file), "batch.duplicate")

    def _refused(self) -> None:
        bad = self.folder / "bad.txt"
        bad.write_bytes(self.random.choice([b"a\n\xff", b"\0", 100_000 * b"a\n" + b"\xff"]))
        _check_code(self.runner().run(bad), "input.undecodable", "input.nul")
        _check_code(self.runner().run(self.folder / "missing"), "input.missing")

    def _memory(self) -> None:
        data: list[object] = list(map(str, range(self.random.randrange(50))))
        _check_code(self.runner().run_from("B", data))
        _check_code(self.runner().run_from("B", [*data, 7]), "input.shape")

    def _finalize(self) -> None:
        number = self.random.choice([1, 2, 10**6, 0, "x"])
        _check_code(self.runner().run_from("C", number), "", "batch.not_found", "input.id", "input.missing")

    def _busy(self) -> None:
        """Run while another connection holds the write lock."""
        _check_code(self.runner().run(self.folder / "0.txt"))
        with closing(sqlite3.connect(self.folder / "p.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            _check_code(self.runner(busy_timeout=0.01).run_single("C", 1), "database.busy")

    def _changed(self) -> None:
        """Run a file after changing it."""
        file = self.choose_file()
        self.changed += 1
        self.rewrite(file)
        _check_code(self.runner().run(file))

    def _load(self) -> None:
        """Load a file a second time, then delete all but the latest 50 batches, as an administrator may."""
        _check_code(self.runner(on_duplicate="load").run(self.choose_file()))
        with closing(sqlite3.connect(self.folder / "p.db")) as database, database:
            database.execute(
                "DELETE FROM processed_records WHERE batch_id IN"
                " (SELECT id FROM processing_batches ORDER BY id DESC LIMIT -1 OFFSET 50)"
            )
            database.execute(
                "DELETE FROM processing_batches WHERE id NOT IN"
                " (SELECT id FROM processing_batches ORDER BY id DESC LIMIT 50)"
            )

    def measure_database(self) -> int:
        path = self.folder / "p.db"
        return path.stat().st_size if path.exists() else 0

    def list_outputs(self) -> list[str]:
        return [path.name for path in (self.folder / "out").glob("*")]


def _check_code(result: RunResult, *codes: str) -> None:
    """Check that a run ended with one of the codes; no code or an empty one means success."""
    code = result.code or ""
    require(code in (codes or ("",)), f"{code}: {result.error}")


def _make_points(size: int | None, random: Random) -> Iterable[Point]:
    seconds = size or 60
    seed = random.randrange(2**32)
    yield Point(f"{seconds} s of operations by seed {seed}", partial(_run_soak, seconds, seed), seconds)


def _run_soak(seconds: int, seed: int, folder: Path) -> None:
    workload = _Workload(folder, random.Random(seed))
    for number in range(_FILES):
        workload.rewrite(folder / f"{number}.txt")
    start = time.monotonic()
    samples: list[_Usage] = []
    while (passed := time.monotonic() - start) < seconds:
        workload.perform(workload.random.choice(_KINDS))
        due = (passed / seconds - _WARM_UP) * _SAMPLES
        if due > len(samples):
            samples.append(_measure_usage(workload.measure_database()))
            _check_folder(workload)
    _check_samples(samples)
    require(all(workload.done.values()), f"some operations were never done: {workload.done}")


def _check_folder(workload: _Workload) -> None:
    outputs = workload.list_outputs()
    require(len(outputs) <= _FILES, f"more outputs than inputs: {outputs}")
    require(not any(name.endswith(".tmp") for name in outputs), f"temporary files left behind: {outputs}")


def _check_samples(samples: list[_Usage]) -> None:
    require(len(samples) > 1, "too little time for samples")
    require(len({each.descriptors for each in samples}) == 1, f"the number of descriptors changed: {samples}")
    require(len({each.threads for each in samples}) == 1, f"the number of threads changed: {samples}")
    half = len(samples) // 2
    before, after = (max(each.memory for each in part) for part in (samples[:half], samples[half:]))
    require(after - before <= _MEMORY_GROWTH, f"memory grew from {before} to {after} bytes: {samples}")
    before, after = (max(each.database for each in part) for part in (samples[:half], samples[half:]))
    require(
        after <= _DATABASE_GROWTH * before, f"the database grew from {before} to {after} bytes: {samples}"
    )


SOAK = Sweep(
    name="soak",
    title="random runs, refusals, duplicates, locks and data in memory in one process; points are seconds",
    holds="descriptors, threads, memory and the database do not grow; duplicates add nothing to the database",
    points=_make_points,
    short=0,
    long=3600,
    workers=1,
)
