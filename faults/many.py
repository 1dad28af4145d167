"""Many processes at once on one database: different files, the same file, and whatever happens only once."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from children import Ended, arguments, command, forked, journal
from state import DATABASE, Place
from sweep import Point, Sweep, must

from pipeline_db import PeeweeStore
from pipeline_db.schema import APPLICATION_ID, STEPS
from pipeline_jobs import OnDuplicate, Record, Source

_MOST = 16
_FILES = 16


def together(works: list[Callable[[], int]], folder: Path) -> list[Ended]:
    """Run as many children as there is work, all let go at the same moment."""
    children = [forked(work, folder, folder / f"printed-{number}") for number, work in enumerate(works)]
    for child in children:
        child.let_go()
    return [child.wait(120) for child in children]


def _on(mode: str, words: list[str]) -> Callable[[], int]:
    def run() -> int:
        journal(mode)
        return command(words)()

    return run


def different_points(size: int | None, random: Random) -> Iterator[Point]:
    """Load different files from 2 to 16 processes."""
    for _ in range(-(-(size or _FILES) // _FILES)):
        processes, mode = random.choice([2, 4, 8, 16]), random.choice(["DELETE", "WAL"])
        label = f"{_FILES} files by {processes} processes, {mode}"
        yield Point(label, partial(_different, processes, mode), weight=_FILES)


def _different(processes: int, mode: str, folder: Path) -> None:
    names = [f"file {number}.txt" for number in range(_FILES)]
    for number, name in enumerate(names):
        (folder / name).write_text(f"{name}\n" * (number + 1), encoding="utf-8")
    shares = [names[number::processes] for number in range(processes)]
    for ended in together([_on(mode, arguments("run-all", *share)) for share in shares], folder):
        must(ended.code == 0, ended)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        sound(database)
        batches = list(database.execute("SELECT source, status, record_count FROM processing_batches"))
        records = Counter(content for (content,) in database.execute("SELECT content FROM finalized_records"))
    expected = {
        ((folder / name).resolve().as_uri(), "finalized", number + 1) for number, name in enumerate(names)
    }
    must(len(batches) == _FILES and set(batches) == expected, f"batches: {batches}")
    must(records == {name: number + 1 for number, name in enumerate(names)}, f"records: {records}")


def same_points(size: int | None, random: Random) -> Iterator[Point]:
    """Load the same file from 16 processes."""
    for _ in range(size or 1):
        mode = random.choice(["DELETE", "WAL"])
        yield Point(f"the same file by {_MOST} processes, {mode}", partial(_same, mode))


def _same(mode: str, folder: Path) -> None:
    place = Place(folder)
    place.write_input()
    all_ended = together([_on(mode, arguments("run-all", "--json", "input.txt"))] * _MOST, folder)
    for ended in all_ended:
        must(ended.code == 0, ended)
    runs = [json.loads(ended.out)["runs"][0] for ended in all_ended]
    must({run["batch_id"] for run in runs} == {1}, f"not one batch: {[run['batch_id'] for run in runs]}")
    counts = [run["jobs"][1]["counts"] for run in runs]
    loaded = [each for each in counts if not each.keys() & {"duplicate", "resumed"}]
    must(len(loaded) == 1, f"{len(loaded)} processes say that they loaded it: {counts}")
    place.check_done("ABC")


def race_points(size: int | None, random: Random) -> Iterator[Point]:
    """Have 16 processes do at once what happens only once."""
    for number in range(size or 3):
        mode = random.choice(["DELETE", "WAL"])
        race = (_opening, _migration, _finalization)[number % 3]
        yield Point(f"{race.__name__[1:]} by {_MOST} processes, {mode}", partial(race, mode))


def _opening(mode: str, folder: Path) -> None:
    """Make a new database."""
    _raced(mode, folder, lambda store, number: store.load(*_source(number)))
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        sound(database)
        must(count(database) == _MOST, "not every batch is there")


def _migration(mode: str, folder: Path) -> None:
    """Bring a database of the first release up to date."""
    (folder / DATABASE).parent.mkdir()
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        for statement in STEPS[0]:
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
    _opening(mode, folder)
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        must([(len(STEPS),)] == list(database.execute("PRAGMA user_version")), "not migrated")


def _finalization(mode: str, folder: Path) -> None:
    """Finalize a batch."""
    batch_id = PeeweeStore(folder / DATABASE).load(*_source(0)).batch_id
    ended = _raced(mode, folder, lambda store, _: print(store.finalize(batch_id).already))
    said = Counter(each.out for each in ended)
    must(said == {"False\n": 1, "True\n": _MOST - 1}, f"not finalized once: {said}")


def _raced(mode: str, folder: Path, act: Callable[[PeeweeStore, int], object]) -> list[Ended]:
    def work(number: int) -> int:
        journal(mode)
        act(PeeweeStore(folder / DATABASE), number)
        return 0

    ended = together([partial(work, number) for number in range(_MOST)], folder)
    for each in ended:
        must(each.code == 0, each)
    return ended


def _source(number: int) -> tuple[Source, list[list[Record]], OnDuplicate]:
    return Source(f"file:///{number}", str(number)), [[Record(1, str(number))]], OnDuplicate.SKIP


def count(database: sqlite3.Connection) -> int:
    """Return how many batches there are."""
    return database.execute("SELECT count(*) FROM processing_batches").fetchone()[0]


def sound(database: sqlite3.Connection) -> None:
    """Make sure that a database is undamaged.

    Raises:
        BrokenError: it is damaged.
    """
    must(list(database.execute("PRAGMA integrity_check")) == [("ok",)], "integrity_check")
    must(not list(database.execute("PRAGMA foreign_key_check")), "foreign_key_check")


DIFFERENT = Sweep(
    "files",
    "2 to 16 processes load different files into one database (counted: files)",
    "all there exactly once; nobody is told of a lock",
    different_points,
    short=160,
    long=5_000,
    workers=1,
)
SAME = Sweep(
    "same-file",
    "16 processes run the same command on the same file",
    "one batch, loaded by one of them; the others name its id",
    same_points,
    short=30,
    long=1_000,
    workers=1,
)
RACES = Sweep(
    "races",
    "16 processes at once open a new database, migrate an old one, finalize a batch",
    "it happens once, and nobody fails",
    race_points,
    short=90,
    long=3_000,
    workers=1,
)
