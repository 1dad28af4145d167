"""The table of orders as a Peewee model, to which `BatchRecord` adds batch and line number."""

from peewee import BooleanField, CharField, DateTimeField, DecimalField, IntegerField, TextField

from pipeline_db import BatchRecord


class OrderRow(BatchRecord):
    """A row of the table."""

    id = IntegerField()
    customer = CharField(max_length=100)
    amount = DecimalField(max_digits=12, decimal_places=2)
    quantity = IntegerField(null=True)
    placed_at = DateTimeField()
    note = TextField(null=True)
    paid = BooleanField(null=True)

    class Meta:
        """Name the table."""

        table_name = "orders"
