"""Prefect and Peewee, as one would first write it: a flow of three tasks.

Usage: python prefect_peewee.py INPUT
"""

import json
import sys
from pathlib import Path

from peewee import (
    AutoField,
    CharField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
    chunked,
)
from prefect import flow, task

CHUNK = 1_000  # records in one statement

database = SqliteDatabase("prefect.db")


class Batch(Model):
    """What was loaded from one file."""

    id = AutoField()
    source = CharField()
    status = CharField(default="loaded")

    class Meta:
        """Say where the table is."""

        database = database


class Record(Model):
    """A line of a batch."""

    batch = ForeignKeyField(Batch)
    line_number = IntegerField()
    content = TextField()

    class Meta:
        """Say where the table is."""

        database = database


@task
def split(source: str) -> str:
    """Split a file into the records of its lines, written as JSON."""
    with Path(source).open(encoding="utf-8") as lines:
        records = [
            {"line_number": number, "content": line.rstrip("\n")} for number, line in enumerate(lines, 1)
        ]
    output = Path("records.json")
    with output.open("w", encoding="utf-8") as file:
        json.dump(records, file, ensure_ascii=False)
    return str(output)


@task
def load(document: str, source: str) -> int:
    """Insert the records in one transaction, and return the id of their batch."""
    with Path(document).open(encoding="utf-8") as file:
        records = json.load(file)
    with database.atomic():
        database.create_tables([Batch, Record])
        batch = Batch.create(source=source)
        for chunk in chunked(records, CHUNK):
            Record.insert_many([{"batch": batch, **record} for record in chunk]).execute()
    return batch.id


@task
def finalize(batch_id: int) -> None:
    """Mark the batch as finalized."""
    Batch.update(status="finalized").where(Batch.id == batch_id).execute()


@flow
def pipeline(source: str) -> None:
    """Split, load and finalize."""
    finalize(load(split(source), source))


if __name__ == "__main__":
    pipeline(sys.argv[1])
