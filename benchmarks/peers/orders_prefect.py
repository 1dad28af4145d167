"""Prefect with pydantic and Peewee, as one would first write it: the script by hand as a task with retries.

Usage: python orders_prefect.py INPUT
"""

import sys

from orders_by_hand import main
from prefect import flow, task


@task(retries=3)
def load(source: str) -> None:
    """Check the orders of a file, and insert them in one transaction."""
    main(source)


@flow
def pipeline(source: str) -> None:
    """Load the orders."""
    load(source)


if __name__ == "__main__":
    pipeline(sys.argv[1])
