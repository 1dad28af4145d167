"""The judge on trial: each point leaves something broken, and it is a fault if nobody notices."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from order import Disk
from scenarios import Scenario
from state import Place, check_exit
from sweep import BrokenError, Point, Sweep, must


def _half_a_document(place: Place) -> None:
    place.document.write_bytes(place.document.read_bytes()[:-100])
    place.check_unbroken()


def _another_document(place: Place) -> None:
    place.document.write_bytes(place.document.read_bytes().replace(b"line 7", b"line 8"))
    place.check_unbroken()


def _no_document(place: Place) -> None:
    before = place.document.read_bytes()
    place.document.unlink()
    place.check_unbroken(before)


def _left_over(place: Place) -> None:
    place.document.with_name(".input_processed.json.00000000.tmp").touch()
    place.check_done("ABC")


def _with(statement: str, place: Place) -> None:
    with closing(sqlite3.connect(place.database)) as database, database:
        database.execute(statement)
    place.check_unbroken()
    place.check_done("ABC")


def _damaged(place: Place) -> None:
    content = bytearray(place.database.read_bytes())
    content[5000:9000] = bytes(4000)
    place.database.write_bytes(content)
    place.check_unbroken()


def _never_done(place: Place) -> None:
    place.check_said("input.txt\n  B       40 records    0.1 s  batch 7\n")


def _not_finalized(place: Place) -> None:
    with closing(sqlite3.connect(place.database)) as database, database:
        database.execute("UPDATE processing_batches SET status = 'loaded', finalized_at = NULL")
    place.check_said("input.txt\n  C       40 records    0.1 s  batch 1\n")


def _ended(code: int, err: str, _place: Place) -> None:
    check_exit(code, err)


def _unsynced(calls: list[tuple[str, str]], _place: Place) -> None:
    disk = Disk(set())
    for name, arguments in calls:
        disk.take(name, arguments, "")


_WRITE, _SYNC = ("write", "3</d/.x.tmp>"), ("fsync", "3</d/.x.tmp>")
_LINK, _REPORT = ("link", '"/d/.x.tmp", "/d/x"'), ("write", "1</d/out>")

_BROKEN: dict[str, Callable[[Place], None]] = {
    "half a document": _half_a_document,
    "another document": _another_document,
    "no document": _no_document,
    "a temporary file": _left_over,
    "a damaged database": _damaged,
    "a batch that was never there": _never_done,
    "a batch that is not finalized": _not_finalized,
    "a record less": partial(_with, "DELETE FROM processed_records WHERE line_number = 3"),
    "another record": partial(_with, "UPDATE processed_records SET content = 'x' WHERE line_number = 3"),
    "a record of no batch": partial(_with, "INSERT INTO processed_records VALUES (9, 1, 'x')"),
    "a second batch": partial(
        _with,
        "INSERT INTO processing_batches SELECT 2, source, source_name, records_sha256, 0, status, "
        "created_at, finalized_at, run_id FROM processing_batches",
    ),
    "a traceback": partial(_ended, 0, "Traceback (most recent call last):\n  …\nOSError: x\n"),
    "an exit code that is none": partial(_ended, 1, "Error: x [internal.OSError]\n"),
    "words for another exit code": partial(_ended, 5, "Error: x [database.io]\n"),
    "no words": partial(_ended, 5, ""),
    "a name before the content is synced": partial(_unsynced, [_WRITE, _LINK]),
    "a report before the folder is synced": partial(_unsynced, [_WRITE, _SYNC, _LINK, _REPORT]),
    "a report before the content is synced": partial(_unsynced, [_WRITE, _REPORT]),
    "a database written before its journal is synced": partial(
        _unsynced, [("pwrite64", "3</d/x.db-journal>"), ("pwrite64", "4</d/x.db>")]
    ),
}


def judge_points(size: int | None, _random: Random) -> Iterator[Point]:
    """Break each promise once."""
    for name, act in list(_BROKEN.items())[:size]:
        yield Point(name, partial(_noticed, act))


def _noticed(act: Callable[[Place], None], folder: Path) -> str:
    scenario = Scenario("ABC")
    place = scenario.prepared(folder)
    scenario.check_again(place)
    try:
        act(place)
    except (BrokenError, ValueError, sqlite3.DatabaseError):
        return "noticed"
    must(holds=False, said="nobody noticed")
    return ""


JUDGE = Sweep(
    "judge",
    "nothing; each promise is broken on purpose, for the checks themselves to be checked",
    "it is noticed",
    judge_points,
    short=len(_BROKEN),
    long=len(_BROKEN),
)
