"""Sweeps of many processes on one database: different files, the same file, and one-time operations."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from checks import DATABASE, RunFolder, check_integrity, read_batches
from contents import LINES, Content
from orders import ORDERS
from processes import ProcessResult, build_arguments, force_journal, fork_child, run_in_process
from sweep import Point, Sweep, require

from pipeline_db import PeeweeStore
from pipeline_db.sqlite.migrations import APPLICATION_ID, STEPS
from pipeline_jobs import OnDuplicate, Record, Source

_PROCESSES = 16
_FILES = 16


def run_together(works: Sequence[Callable[[], int]], folder: Path) -> list[ProcessResult]:
    """Run each piece of work in a child of its own; all start at the same moment."""
    children = [fork_child(work, folder, folder / f"printed-{number}") for number, work in enumerate(works)]
    for child in children:
        child.release()
    return [child.wait(120) for child in children]


def make_different_points(size: int | None, random: Random) -> Iterator[Point]:
    """Load different files from 2 to 16 processes."""
    for _ in range(-(-(size or _FILES) // _FILES)):
        processes, mode = random.choice([2, 4, 8, 16]), random.choice(["DELETE", "WAL"])
        label = f"{_FILES} files by {processes} processes, {mode}"
        yield Point(label, partial(_check_different_files, processes, mode), weight=_FILES)


def _check_different_files(processes: int, mode: str, folder: Path) -> None:
    names = [f"file {number}.txt" for number in range(_FILES)]
    for number, name in enumerate(names):
        (folder / name).write_text(f"{name}\n" * (number + 1), encoding="utf-8")
    shares = [names[number::processes] for number in range(processes)]
    for result in run_together(
        [partial(run_in_process, build_arguments("run-all", *share), mode=mode) for share in shares], folder
    ):
        require(result.code == 0, result)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        check_integrity(database)
        batches = list(database.execute("SELECT source, status, record_count FROM processing_batches"))
        records = Counter(content for (content,) in database.execute("SELECT content FROM finalized_records"))
    expected = {
        ((folder / name).resolve().as_uri(), "finalized", number + 1) for number, name in enumerate(names)
    }
    require(len(batches) == _FILES and set(batches) == expected, f"batches: {batches}")
    require(records == {name: number + 1 for number, name in enumerate(names)}, f"records: {records}")


def make_same_points(size: int | None, random: Random) -> Iterator[Point]:
    """Load the same file from 16 processes."""
    for number in range(size or 1):
        mode, content = random.choice(["DELETE", "WAL"]), (LINES, ORDERS)[number % 2]
        label = f"the same {content.name} by {_PROCESSES} processes, {mode}"
        yield Point(label, partial(_check_same_file, mode, content))


def _check_same_file(mode: str, content: Content, folder: Path) -> None:
    place = RunFolder(folder, content)
    place.write_input()
    words = build_arguments(*content.options, "run-all", *content.run_options, "--json", content.name)
    results = run_together([partial(run_in_process, words, mode=mode)] * _PROCESSES, folder)
    for result in results:
        require(result.code == 0, result)
    runs = [json.loads(result.out)["runs"][0] for result in results]
    require(
        {run["batch_id"] for run in runs} == {1},
        f"expected only batch 1, found {[run['batch_id'] for run in runs]}",
    )
    counts = [run["jobs"][1]["counts"] for run in runs]
    loaded = [each for each in counts if not each.keys() & {"duplicate", "resumed"}]
    require(len(loaded) == 1, f"{len(loaded)} processes report that they loaded it: {counts}")
    place.check_done("ABC")


def make_race_points(size: int | None, random: Random) -> Iterator[Point]:
    """Have 16 processes try at once what must happen only once."""
    for number in range(size or len(_RACES)):
        mode = random.choice(["DELETE", "WAL"])
        name, check = list(_RACES.items())[number % len(_RACES)]
        yield Point(f"{name} by {_PROCESSES} processes, {mode}", partial(check, mode))


def _check_opening(mode: str, folder: Path) -> None:
    """Open a new database."""
    _run_race(mode, folder, lambda store, number: store.load(*_make_load(number)))
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        check_integrity(database)
        require(count_batches(database) == _PROCESSES, "not every batch is there")


def _check_migration(mode: str, folder: Path) -> None:
    """Bring a database of the first release up to date."""
    _make_old_database(folder, steps=1)
    _check_opening(mode, folder)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        require([(len(STEPS),)] == list(database.execute("PRAGMA user_version")), "not migrated")


def _make_old_database(folder: Path, steps: int) -> None:
    (folder / DATABASE).parent.mkdir()
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        for step in STEPS[:steps]:
            for statement in step:
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {steps}")


def _check_finalization(mode: str, folder: Path) -> None:
    """Finalize a batch."""
    batch_id = PeeweeStore(folder / DATABASE).load(*_make_load(0)).batch_id
    results = _run_race(mode, folder, lambda store, _: print(store.finalize(batch_id).already))
    answers = Counter(result.out for result in results)
    require(answers == {"False\n": 1, "True\n": _PROCESSES - 1}, f"not finalized exactly once: {answers}")


def _check_new_table(mode: str, folder: Path) -> None:
    """Create a table of one's own: each process loads another file into it."""
    _load_orders(mode, folder)


def _check_migration_to_rows(mode: str, folder: Path) -> None:
    """Bring a database up to date that has lines only, and create a table of one's own."""
    _make_old_database(folder, steps=2)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        database.execute(
            "INSERT INTO processing_batches VALUES (7, 'file:///old', 'old', ?, 1, 'loaded', ?, NULL, NULL)",
            ["0" * 64, "2026-01-02 03:04:05.000006"],
        )
        database.execute("INSERT INTO processed_records VALUES (7, 1, 'old')")
    _load_orders(mode, folder)
    ids = sorted(batch.batch_id for batch in read_batches(folder / DATABASE))
    require(ids == [*range(7, 8 + _PROCESSES)], f"ids were used twice or left out: {ids}")


def _load_orders(mode: str, folder: Path) -> None:
    """Load orders from as many files as there are processes, and check that each is there as a whole."""
    words = build_arguments(*ORDERS.options, "run-all", *ORDERS.run_options)
    works = []
    for number in range(_PROCESSES):
        (folder / f"{number}.csv").write_text(ORDERS.text, encoding="utf-8", newline="")
        works.append(partial(run_in_process, [*words, f"{number}.csv"], mode=mode))
    for result in run_together(works, folder):
        require(result.code == 0, result)
    batches = [batch for batch in read_batches(folder / DATABASE) if batch.target == ORDERS.table]
    require(len(batches) == len({batch.source for batch in batches}) == _PROCESSES, f"batches: {batches}")
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        for batch in batches:
            require(batch.counts == ORDERS.counts and batch.status == "finalized", batch)
            ORDERS.check_records(ORDERS.read_records(database, batch.batch_id))


_RACES: Mapping[str, Callable[[str, Path], None]] = {
    "opening": _check_opening,
    "migration": _check_migration,
    "finalization": _check_finalization,
    "opening a table of one's own": _check_new_table,
    "migration before typed rows": _check_migration_to_rows,
}


def _run_race(mode: str, folder: Path, act: Callable[[PeeweeStore, int], object]) -> list[ProcessResult]:
    def work(number: int) -> int:
        force_journal(mode)
        act(PeeweeStore(folder / DATABASE), number)
        return 0

    results = run_together([partial(work, number) for number in range(_PROCESSES)], folder)
    for result in results:
        require(result.code == 0, result)
    return results


def _make_load(number: int) -> tuple[Source, list[list[Record]], OnDuplicate]:
    return Source(f"file:///{number}", str(number)), [[Record(1, str(number))]], OnDuplicate.SKIP


def count_batches(database: sqlite3.Connection) -> int:
    """Return the number of batches."""
    return database.execute("SELECT count(*) FROM processing_batches").fetchone()[0]


DIFFERENT = Sweep(
    "files",
    "2 to 16 processes load different files into one database (counted: files)",
    "every record is there exactly once; no process reports a lock",
    make_different_points,
    short=160,
    long=5_000,
    workers=1,
)
SAME = Sweep(
    "same-file",
    "16 processes run the same command on the same file, of lines or of typed rows",
    "one batch, loaded by one of them; the others report its id",
    make_same_points,
    short=30,
    long=1_000,
    workers=1,
)
RACES = Sweep(
    "races",
    "16 processes at once open a new database, migrate an old one, finalize a batch, create a table of one's "
    "own",
    "the operation happens once, and no process fails",
    make_race_points,
    short=90,
    long=3_000,
)
