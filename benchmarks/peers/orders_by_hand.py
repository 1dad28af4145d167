"""pydantic and Peewee, as one would first write it: each row checked, then inserted with many others.

Usage: python orders_by_hand.py INPUT
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from order_class import Order
from peewee import (
    BooleanField,
    CharField,
    DateTimeField,
    DecimalField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
    chunked,
)

CHUNK = 1_000  # rows in one statement

database = SqliteDatabase("orders.db")


class OrderRow(Model):
    """A row of the table."""

    id = IntegerField(primary_key=True)
    customer = CharField(max_length=100)
    amount = DecimalField(max_digits=12, decimal_places=2)
    quantity = IntegerField(null=True)
    placed_at = DateTimeField()
    note = TextField(null=True)
    paid = BooleanField(null=True)

    class Meta:
        """Say where the table is."""

        database = database
        table_name = "orders"


def read_orders(source: str) -> Iterator[Order]:
    """Yield the orders of a file."""
    with Path(source).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Order.model_validate({column: value or None for column, value in row.items()})


def main(source: str) -> None:
    """Load a file in one transaction."""
    with database.atomic():
        database.create_tables([OrderRow])
        for chunk in chunked(read_orders(source), CHUNK):
            OrderRow.insert_many([order.model_dump() for order in chunk]).execute()


if __name__ == "__main__":
    main(sys.argv[1])
