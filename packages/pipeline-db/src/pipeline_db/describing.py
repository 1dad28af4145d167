"""What is found in a database, in the words that are the same on every database."""

from collections.abc import Mapping, Sequence

from pipeline_jobs import Finding

from .statements import FINALIZED, LOADED

NEWEST = 3
"""Unfinished batches that are named."""


def version_found(version: int, newest: int) -> str:
    """Say how many steps of the schema are taken, of how many that this release knows."""
    match version:
        case 0:
            return "none yet, the first load makes it"
        case current if current == newest:
            return f"version {version}, that of this release"
        case _:
            return f"version {version}, the next load makes it {newest}"


def batches_found(by_status: Mapping[str, int], newest_unfinished: Sequence[int]) -> Finding:
    """Say how many batches there are, and which are left to finalize."""
    done, left = by_status.get(FINALIZED, 0), by_status.get(LOADED, 0)
    if not left:
        return Finding("batches", f"{done:,} finalized, none unfinished")
    listed = ", ".join(map(str, newest_unfinished)) + (", …" if left > len(newest_unfinished) else "")
    hint = f"the command that loaded one goes on, or: pipeline run {newest_unfinished[0]} --start-from C"
    return Finding("batches", f"{done:,} finalized, {left:,} unfinished: {listed}", hint=hint)
