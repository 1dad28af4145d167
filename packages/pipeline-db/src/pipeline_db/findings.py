"""Findings about batches and schema versions, worded the same for every database."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline_jobs import Finding
from pipeline_jobs.escaping import escape

from .exceptions import CorruptError
from .models import RejectedRecord, get_table_name
from .queries import FINALIZED, LOADED, split_target

REJECTS = get_table_name(RejectedRecord)

LISTED = 3
"""Ids listed in a finding, at most."""


def describe_version(version: int, newest: int) -> str:
    """Describe the schema version of a database, compared with that of this release."""
    match version:
        case 0:
            return "none yet, created by the first load"
        case current if current == newest:
            return f"version {version}, current"
        case _:
            return f"version {version}, migrated to {newest} by the next load"


def describe_batches(by_status: Mapping[str, int], newest_unfinished: Sequence[int]) -> Finding:
    """Report how many batches there are, and which ones are not finalized."""
    finalized, unfinished = by_status.get(FINALIZED, 0), by_status.get(LOADED, 0)
    if not unfinished:
        return Finding("batches", f"{finalized:,} finalized, none unfinished")
    listed = ", ".join(map(str, newest_unfinished)) + (", …" if unfinished > len(newest_unfinished) else "")
    text = f"{finalized:,} finalized, {unfinished:,} unfinished: {listed}"
    return Finding("batches", text, hint="repeat the command that loaded it")


def list_tables(sums: Iterable[tuple[int, str, int, int]]) -> list[str]:
    """Return the tables to count, given rows of `FIND_SUMS`; none if there are no typed rows."""
    tables = {table for _, target, *_ in sums for table in split_target(target)}
    return sorted({REJECTS, *tables}) if tables else []


def describe_sums(
    sums: Sequence[tuple[int, str, int, int]], counts: Mapping[str, Mapping[int, int] | None], where: str
) -> Finding:
    """Report whether the batches of typed rows have as many rows and rejects as they say.

    Args:
        sums: rows of `FIND_SUMS`.
        counts: the number of rows of each batch, by table; None for a table that is missing.
        where: the database in messages.
    """
    expected: dict[str, dict[int, int]] = {table: {} for table in counts}
    for batch_id, target, record_count, rejected_count in sums:
        for table in split_target(target):
            expected[table][batch_id] = record_count
        expected[REJECTS][batch_id] = rejected_count
    faults: list[str] = []
    for table, found in counts.items():
        if found is None:
            faults += [f"the table {table} is missing"] if any(expected[table].values()) else []
            continue
        faults += [
            f"{table} has {found.get(batch_id, 0):,} rows of batch {batch_id}, not {count:,}"
            for batch_id, count in expected[table].items()
            if found.get(batch_id, 0) != count
        ]
        faults += [
            f"{table} has rows of batch {batch_id}, which does not exist or belongs elsewhere"
            for batch_id in found.keys() - expected[table]
        ]
    if not faults:
        return Finding("sums", f"the rows and rejects of {len(sums):,} batches add up")
    listed = "; ".join(faults[:LISTED]) + ("; …" if faults[LISTED:] else "")
    error = CorruptError("corrupt.database", f"{where}: is damaged ({escape(listed)}); restore a backup")
    return Finding("sums", "do not add up", error)
