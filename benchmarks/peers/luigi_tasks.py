"""Luigi: one task splits INPUT into a JSON file, one copies that into SQLite, one marks the batch.

Usage: python luigi_tasks.py INPUT
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import luigi
import sqlalchemy
from luigi.contrib import sqla

DATABASE = "sqlite:///luigi.db"


class Split(luigi.Task):
    """Split a file into the records of its lines."""

    source = luigi.Parameter()

    def output(self) -> luigi.LocalTarget:
        """Name the JSON file."""
        return luigi.LocalTarget("records.json", format=luigi.format.UTF8)

    def run(self) -> None:
        """Write the JSON file, which appears whole or not at all."""
        with Path(self.source).open(encoding="utf-8") as lines:
            records = [
                {"line_number": number, "content": line.rstrip("\n")} for number, line in enumerate(lines, 1)
            ]
        with self.output().open("w") as file:
            json.dump(records, file, ensure_ascii=False)


class Load(sqla.CopyToTable):
    """Copy the records into a table."""

    source = luigi.Parameter()
    connection_string = DATABASE
    table = "records"
    columns: ClassVar[list[tuple[object, ...]]] = [
        (["line_number", sqlalchemy.Integer], {}),
        (["content", sqlalchemy.Text], {}),
    ]

    def requires(self) -> luigi.Task:
        """Ask for the JSON file."""
        return Split(source=self.source)

    def rows(self) -> Iterator[tuple[int, str]]:
        """Yield the rows of the table."""
        with self.input().open() as file:
            for record in json.load(file):
                yield record["line_number"], record["content"]


class Finalize(luigi.Task):
    """Mark the batch as finalized."""

    source = luigi.Parameter()

    def requires(self) -> luigi.Task:
        """Ask for the loaded records."""
        return Load(source=self.source)

    def output(self) -> sqla.SQLAlchemyTarget:
        """Name the mark that says that this was done."""
        return sqla.SQLAlchemyTarget(DATABASE, "batches", self.task_id)

    def run(self) -> None:
        """Insert the row of the batch."""
        target = self.output()
        with target.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS batches (source TEXT, status TEXT)")
            connection.exec_driver_sql("INSERT INTO batches VALUES (?, 'finalized')", (self.source,))
        target.touch()


if __name__ == "__main__":
    sys.exit(not luigi.build([Finalize(source=sys.argv[1])], local_scheduler=True))
