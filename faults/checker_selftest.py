"""Self-test of the checks: each point breaks a promise on purpose, and a check has to notice it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random

from checks import RunFolder, check_exit
from fsync_order import UnsyncedState
from prefect_api_faults import check_batches
from scenarios import Scenario
from sweep import BrokenPromiseError, Point, Sweep, require


def _truncate_document(place: RunFolder) -> None:
    place.document.write_bytes(place.document.read_bytes()[:-100])
    place.check_intact()


def _change_document(place: RunFolder) -> None:
    place.document.write_bytes(place.document.read_bytes().replace(b"line 7", b"line 8"))
    place.check_intact()


def _remove_document(place: RunFolder) -> None:
    before = place.document.read_bytes()
    place.document.unlink()
    place.check_intact(before)


def _leave_temporary_file(place: RunFolder) -> None:
    place.document.with_name(".input_processed.json.00000000.tmp").touch()
    place.check_done("ABC")


def _change_database(statement: str, place: RunFolder) -> None:
    with closing(sqlite3.connect(place.database)) as database, database:
        database.execute(statement)
    place.check_intact()
    place.check_done("ABC")


def _change_prefect_database(script: str, place: RunFolder) -> None:
    with closing(sqlite3.connect(place.database)) as database:
        database.executescript(script)
    check_batches(place.database, place.content.counts.loaded)


def _damage_database(place: RunFolder) -> None:
    content = bytearray(place.database.read_bytes())
    content[5000:9000] = bytes(4000)
    place.database.write_bytes(content)
    place.check_intact()


def _report_missing_batch(place: RunFolder) -> None:
    place.check_report("input.txt\n  B       40 records    0.1 s  batch 7\n")


def _undo_finalization(place: RunFolder) -> None:
    with closing(sqlite3.connect(place.database)) as database, database:
        database.execute("UPDATE processing_batches SET status = 'loaded', finalized_at = NULL")
    place.check_report("input.txt\n  C       40 records    0.1 s  batch 1\n")


def _end_with(code: int, err: str, _place: RunFolder) -> None:
    check_exit(code, err)


def _apply_calls(calls: list[tuple[str, str]], _place: RunFolder) -> None:
    state = UnsyncedState(set())
    for name, arguments in calls:
        state.apply(name, arguments, "")


_WRITE, _SYNC = ("write", "3</d/.x.tmp>"), ("fsync", "3</d/.x.tmp>")
_LINK, _REPORT = ("link", '"/d/.x.tmp", "/d/x"'), ("write", "1</d/out>")

_BROKEN: dict[str, Callable[[RunFolder], None]] = {
    "half a document": _truncate_document,
    "another document": _change_document,
    "no document": _remove_document,
    "a temporary file left behind": _leave_temporary_file,
    "a damaged database": _damage_database,
    "a report of a batch that does not exist": _report_missing_batch,
    "a report of a finalization that did not happen": _undo_finalization,
    "a missing record": partial(_change_database, "DELETE FROM processed_records WHERE line_number = 3"),
    "a changed record": partial(
        _change_database, "UPDATE processed_records SET content = 'x' WHERE line_number = 3"
    ),
    "a record without a batch": partial(_change_database, "INSERT INTO processed_records VALUES (9, 1, 'x')"),
    "a second batch": partial(
        _change_database,
        "INSERT INTO processing_batches SELECT 2, source, source_name, records_sha256, 0, status, "
        "created_at, finalized_at, run_id FROM processing_batches",
    ),
    "a database without its table of batches": partial(
        _change_prefect_database, "DROP VIEW finalized_records; DROP TABLE processing_batches"
    ),
    "a missing record after a run on Prefect": partial(
        _change_prefect_database, "DELETE FROM processed_records WHERE line_number = 3"
    ),
    "a source loaded twice by a run on Prefect": partial(
        _change_prefect_database,
        "INSERT INTO processing_batches SELECT 2, source, source_name, records_sha256, record_count, status, "
        "created_at, finalized_at, run_id FROM processing_batches;"
        "INSERT INTO processed_records SELECT 2, line_number, content FROM processed_records",
    ),
    "a traceback": partial(_end_with, 0, "Traceback (most recent call last):\n  …\nOSError: x\n"),
    "an undocumented exit code": partial(_end_with, 1, "Error: x [internal.OSError]\n"),
    "an error code of another exit code": partial(_end_with, 5, "Error: x [database.io]\n"),
    "no message": partial(_end_with, 5, ""),
    "a name before the content is synced": partial(_apply_calls, [_WRITE, _LINK]),
    "a report before the folder is synced": partial(_apply_calls, [_WRITE, _SYNC, _LINK, _REPORT]),
    "a report before the content is synced": partial(_apply_calls, [_WRITE, _REPORT]),
    "a database written before its journal is synced": partial(
        _apply_calls, [("pwrite64", "3</d/x.db-journal>"), ("pwrite64", "4</d/x.db>")]
    ),
}


def make_points(size: int | None, _random: Random) -> Iterator[Point]:
    """Break each promise once, and check one state in which nothing is broken."""
    broken = [Point(name, partial(_check_noticed, act)) for name, act in _BROKEN.items()]
    yield from [Point("nothing: an empty database file", _check_accepted), *broken][:size]


def _check_accepted(folder: Path) -> str:
    """Check that an empty database file is accepted: a run that is killed early leaves one."""
    place = RunFolder(folder)
    place.database.parent.mkdir()
    place.database.touch()
    place.check_intact()
    require(not check_batches(place.database, place.content.counts.loaded), "an empty database has batches")
    return "accepted"


def _check_noticed(break_promise: Callable[[RunFolder], None], folder: Path) -> str:
    scenario = Scenario("ABC")
    place = scenario.prepare(folder)
    scenario.check_again(place)
    check_batches(place.database, place.content.counts.loaded)
    try:
        break_promise(place)
    except (BrokenPromiseError, ValueError, sqlite3.DatabaseError):
        return "noticed"
    raise BrokenPromiseError("no check noticed")


JUDGE = Sweep(
    "judge",
    "nothing: each promise is broken on purpose, to test the checks themselves",
    "a check notices it; an empty database file is accepted",
    make_points,
    short=len(_BROKEN) + 1,
    long=len(_BROKEN) + 1,
)
