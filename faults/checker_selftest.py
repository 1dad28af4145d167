"""Self-test of the checks: each point breaks a promise on purpose, and a check has to notice it."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from checks import RunFolder, check_exit
from contents import LINES, Content
from fsync_order import UnsyncedState
from orders import ORDERS
from prefect_api_faults import check_batches
from scenarios import Scenario
from sweep import BrokenPromiseError, Point, Sweep, require


class _Breach(NamedTuple):
    """A promise that is broken on purpose.

    Args:
        act: breaks it in a folder where a run was done.
        check: has to notice it.
        words: of the error with which it does.
        content: of the input of the run.
    """

    act: Callable[[RunFolder], object]
    check: Callable[[RunFolder], object]
    words: str
    content: Content = LINES


def _check_all(place: RunFolder) -> None:
    place.check_intact()
    place.check_done("ABC")


def _check_as_on_prefect(place: RunFolder) -> None:
    check_batches(place.database, place.content.counts.loaded)


def _check_earlier_document(place: RunFolder) -> None:
    place.check_intact(b"")


def _check_report(report: str, place: RunFolder) -> None:
    place.check_report(f"{place.content.name}\n{report}\n")


def _check_end(code: int, err: str, _place: RunFolder) -> None:
    check_exit(code, err)


def _check_calls(calls: list[tuple[str, str]], _place: RunFolder) -> None:
    state = UnsyncedState(set())
    for name, arguments in calls:
        state.apply(name, arguments, "")


def _do_nothing(_place: RunFolder) -> None:
    """Leave everything as it is: what is wrong is what the check is told."""


def _truncate_document(place: RunFolder) -> None:
    place.document.write_bytes(place.document.read_bytes()[:-100])


def _change_document(pattern: str, replacement: str, place: RunFolder) -> None:
    text, count = re.subn(pattern, replacement, place.document.read_text(encoding="utf-8"), count=1)
    if not count:
        raise RuntimeError(f"the document has no {pattern}")
    place.document.write_text(text, encoding="utf-8")


def _remove_document(place: RunFolder) -> None:
    place.document.unlink()


def _leave_temporary_file(place: RunFolder) -> None:
    place.document.with_name(".input_processed.json.00000000.tmp").touch()


def _change_database(script: str, place: RunFolder) -> None:
    with closing(sqlite3.connect(place.database)) as database:
        try:
            database.executescript(script)
        except sqlite3.Error as error:  # it would count as noticed
            raise RuntimeError(f"cannot break the promise: {error}") from error


def _damage_database(place: RunFolder) -> None:
    content = bytearray(place.database.read_bytes())
    content[5000:9000] = bytes(4000)
    place.database.write_bytes(content)


def _break_document(pattern: str, replacement: str, words: str, content: Content = LINES) -> _Breach:
    return _Breach(partial(_change_document, pattern, replacement), _check_all, words, content)


def _break_database(script: str, words: str, content: Content = LINES) -> _Breach:
    return _Breach(partial(_change_database, script), _check_all, words, content)


def _break_prefect_database(script: str, words: str) -> _Breach:
    return _Breach(partial(_change_database, script), _check_as_on_prefect, words)


def _end_with(code: int, err: str, words: str) -> _Breach:
    return _Breach(_do_nothing, partial(_check_end, code, err), words)


def _apply_calls(calls: list[tuple[str, str]], words: str) -> _Breach:
    return _Breach(_do_nothing, partial(_check_calls, calls), words)


_WRITE, _SYNC = ("write", "3</d/.x.tmp>"), ("fsync", "3</d/.x.tmp>")
_LINK, _REPORT = ("link", '"/d/.x.tmp", "/d/x"'), ("write", "1</d/out>")

_ADD_EMPTY_BATCH = """
    CREATE TEMP TABLE copy AS SELECT * FROM processing_batches;
    UPDATE copy SET id = 2, record_count = 0;
    INSERT INTO processing_batches SELECT * FROM copy;
"""
_LOAD_TWICE = """
    CREATE TEMP TABLE copy AS SELECT * FROM processing_batches;
    UPDATE copy SET id = 2;
    INSERT INTO processing_batches SELECT * FROM copy;
    INSERT INTO processed_records SELECT 2, line_number, content FROM processed_records;
"""
_SHOW_UNFINISHED = """
    DROP VIEW finalized_orders;
    CREATE VIEW finalized_orders AS SELECT * FROM orders;
    UPDATE processing_batches SET status = 'loaded', finalized_at = NULL;
"""
_UNDO_FINALIZATION = "UPDATE processing_batches SET status = 'loaded', finalized_at = NULL"

_BROKEN: dict[str, _Breach] = {
    "half a document": _Breach(_truncate_document, _check_all, "Unterminated string"),
    "another document": _break_document("line 7", "line 8", "the records are not the lines"),
    "another hash in the document": _break_document(
        '(?<="records_sha256":")[0-9a-f]{64}', "0" * 64, "the document's records_sha256 is wrong"
    ),
    "no document": _Breach(_remove_document, _check_earlier_document, "the earlier document is gone"),
    "a temporary file left behind": _Breach(_leave_temporary_file, _check_all, "files left behind"),
    "a damaged database": _Breach(_damage_database, _check_all, "malformed"),
    "a report of a batch that does not exist": _Breach(
        _do_nothing, partial(_check_report, "  B       40 records    0.1 s  batch 7"), "but is missing"
    ),
    "a report of a finalization that did not happen": _Breach(
        partial(_change_database, _UNDO_FINALIZATION),
        partial(_check_report, "  C       40 records    0.1 s  batch 1"),
        "is not finalized",
    ),
    "a missing record": _break_database("DELETE FROM processed_records WHERE line_number = 3", "has 39 rows"),
    "a changed record": _break_database(
        "UPDATE processed_records SET content = 'x' WHERE line_number = 3", "the records are not the lines"
    ),
    "a record without a batch": _break_database(
        "INSERT INTO processed_records VALUES (9, 1, 'x')", "foreign_key_check"
    ),
    "a second batch": _break_database(
        _ADD_EMPTY_BATCH,
        "the records are not the lines",
    ),
    "a second batch with all records": _break_database(
        _LOAD_TWICE,
        "expected one finalized batch",
    ),
    "a database without its table of batches": _break_prefect_database(
        "DROP VIEW finalized_records; DROP TABLE processing_batches", "foreign_key_check"
    ),
    "a missing record after a run on Prefect": _break_prefect_database(
        "DELETE FROM processed_records WHERE line_number = 3", "has 39 rows"
    ),
    "a source loaded twice by a run on Prefect": _break_prefect_database(
        _LOAD_TWICE,
        "a source was loaded twice",
    ),
    "a document without one of its rejects": _break_document(
        r'\{"line_number":\d+,"reject":.*\n', "", "rows are missing", ORDERS
    ),
    "a document with a reject that says another reason": _break_document(
        '"kind":"columns"', '"kind":"rule"', "is not", ORDERS
    ),
    "a document whose counts add up to too much": _break_document(
        '(?<="read":)40(.*"blank":)4', r"41\g<1>5", "the counts of the document", ORDERS
    ),
    "a lost reject": _break_database(
        "DELETE FROM rejected_records WHERE line_number = (SELECT min(line_number) FROM rejected_records)",
        "in rejected_records",
        ORDERS,
    ),
    "a lost reject that is not counted": _break_database(
        "DELETE FROM rejected_records WHERE line_number = (SELECT min(line_number) FROM rejected_records);"
        "UPDATE processing_batches SET rejected_count = rejected_count - 1, blank_count = blank_count + 1",
        "rows are missing",
        ORDERS,
    ),
    "a changed reject": _break_database("UPDATE rejected_records SET raw = 'x'", "is not", ORDERS),
    "a wrong sum": _break_database(
        "PRAGMA ignore_check_constraints = 1; UPDATE processing_batches SET read_count = read_count + 1",
        "CHECK constraint failed",
        ORDERS,
    ),
    "a wrong sum in a table without a check": _break_database(
        "CREATE TABLE copy AS SELECT * FROM processing_batches; UPDATE copy SET read_count = read_count + 1;"
        "DROP VIEW finalized_records; DROP VIEW finalized_orders; PRAGMA foreign_keys = 0;"
        "CREATE TABLE others AS SELECT * FROM rejected_records; DROP TABLE rejected_records;"
        "DROP TABLE processed_records; DROP TABLE processing_batches;"
        "ALTER TABLE copy RENAME TO processing_batches; ALTER TABLE others RENAME TO rejected_records",
        "does not add up",
        ORDERS,
    ),
    "a sum that is too large": _break_database(
        "UPDATE processing_batches SET read_count = read_count + 1, blank_count = blank_count + 1",
        "the counts of Batch",
        ORDERS,
    ),
    "a lost row of a table of one's own": _break_database(
        "DELETE FROM orders WHERE line_number = 2", "in orders", ORDERS
    ),
    "a changed row of a table of one's own": _break_database(
        "UPDATE orders SET amount = amount + 1 WHERE line_number = 2", "is not", ORDERS
    ),
    "a row of a table of one's own that is there twice": _break_database(
        "INSERT INTO orders SELECT batch_id, 1000, id, customer, amount, placed_at, note FROM orders LIMIT 1",
        "in orders",
        ORDERS,
    ),
    "a row of a table of one's own without a batch": _break_database(
        "INSERT INTO orders SELECT 9, line_number, id, customer, amount, placed_at, note FROM orders",
        "records without a batch: {'orders'",
        ORDERS,
    ),
    "a row of a batch in another table": _break_database(
        "INSERT INTO processed_records VALUES (1, 2, 'x')", "records without a batch", ORDERS
    ),
    "rows of an unfinished batch that are visible": _break_database(_SHOW_UNFINISHED, "are visible", ORDERS),
    "a report of wrong sums": _Breach(
        _do_nothing,
        partial(_check_report, "  40 read = 30 loaded + 6 rejected + 4 blank"),
        "wrong counts",
        ORDERS,
    ),
    "a traceback": _end_with(0, "Traceback (most recent call last):\n  …\nOSError: x\n", "a traceback"),
    "an undocumented exit code": _end_with(1, "Error: x [internal.OSError]\n", "exit code 1"),
    "an error code of another exit code": _end_with(5, "Error: x [database.io]\n", "does not fit"),
    "no message": _end_with(5, "", "does not fit"),
    "a name before the content is synced": _apply_calls([_WRITE, _LINK], "gets its name before"),
    "a report before the folder is synced": _apply_calls(
        [_WRITE, _SYNC, _LINK, _REPORT], "before the folder is synced"
    ),
    "a report before the content is synced": _apply_calls([_WRITE, _REPORT], "before it is synced"),
    "a database written before its journal is synced": _apply_calls(
        [("pwrite64", "3</d/x.db-journal>"), ("pwrite64", "4</d/x.db>")], "before its journal is synced"
    ),
}


def make_points(size: int | None, _random: Random) -> Iterator[Point]:
    """Break each promise once, and check one state in which nothing is broken."""
    broken = [Point(name, partial(_check_noticed, breach)) for name, breach in _BROKEN.items()]
    yield from [Point("nothing: an empty database file", _check_accepted), *broken][:size]


def _check_accepted(folder: Path) -> str:
    """Check that an empty database file is accepted: a run that is killed early leaves one."""
    place = RunFolder(folder)
    place.database.parent.mkdir()
    place.database.touch()
    place.check_intact()
    require(not check_batches(place.database, place.content.counts.loaded), "an empty database has batches")
    return "accepted"


def _check_noticed(breach: _Breach, folder: Path) -> str:
    scenario = Scenario("ABC", content=breach.content)
    place = scenario.prepare(folder)
    scenario.check_again(place)
    _check_as_on_prefect(place)
    breach.act(place)
    try:
        breach.check(place)
    except (BrokenPromiseError, ValueError, sqlite3.DatabaseError) as error:
        require(breach.words in str(error), f"another check noticed: {error}")
        return "noticed"
    raise BrokenPromiseError("no check noticed")


JUDGE = Sweep(
    "judge",
    "nothing: each promise is broken on purpose, to test the checks themselves: a lost row, a lost reject, a "
    "wrong sum …",
    "the right check notices it; an empty database file is accepted",
    make_points,
    short=len(_BROKEN) + 1,
    long=len(_BROKEN) + 1,
)
