"""Dagster: the plain jobs as three assets, materialized in this process.

Usage: python dagster_assets.py INPUT
"""

import sys

import dagster as dg
import plain_jobs


class Source(dg.Config):
    """The file to load."""

    path: str


@dg.asset
def document(config: Source) -> str:
    """Split the file."""
    return plain_jobs.split(config.path)


@dg.asset
def batch(document: str) -> int:
    """Load the document."""
    return plain_jobs.load(document)


@dg.asset
def finalized(batch: int) -> int:
    """Finalize the batch."""
    return plain_jobs.finalize(batch)


if __name__ == "__main__":
    settings = dg.RunConfig({"document": Source(path=sys.argv[1])})
    sys.exit(not dg.materialize([document, batch, finalized], run_config=settings).success)
