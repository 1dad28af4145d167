"""The pipeline that loads the orders of `orders.py` into a table of its own."""

from datetime import datetime
from decimal import Decimal

import msgspec
from peewee import DateTimeField, DecimalField, IntegerField, TextField

from pipeline_db import BatchRecord
from pipeline_orchestration import table_pipeline


class Order(msgspec.Struct):
    """What a row must be."""

    id: int
    customer: str
    amount: Decimal
    placed_at: datetime
    note: str | None


class OrderRow(BatchRecord):
    """Where it goes."""

    id = IntegerField()
    customer = TextField()
    amount = DecimalField(max_digits=12, decimal_places=2)
    placed_at = DateTimeField()
    note = TextField(null=True)

    class Meta:
        """The table."""

        table_name = "orders"


orders = table_pipeline("orders", record=Order, model=OrderRow)
