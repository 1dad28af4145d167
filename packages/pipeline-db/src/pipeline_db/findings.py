"""Findings about batches and schema versions, worded the same for every database."""

from collections.abc import Mapping, Sequence

from pipeline_jobs import Finding

from .queries import FINALIZED, LOADED

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
