"""A pipeline for typed rows: a CSV file of orders into a table of its own."""

from datetime import datetime
from decimal import Decimal

from peewee import CharField, DateTimeField, DecimalField, IntegerField
from pydantic import BaseModel, Field

from pipeline_db import BatchRecord
from pipeline_jobs import Csv
from pipeline_orchestration import table_pipeline


class Order(BaseModel):
    """What a row must be."""

    id: int
    customer: str
    amount: Decimal = Field(gt=0, max_digits=12, decimal_places=2)
    placed_at: datetime


class OrderRow(BatchRecord):
    """Where it goes, with its batch and line number."""

    id = IntegerField()
    customer = CharField()
    amount = DecimalField(max_digits=12, decimal_places=2)
    placed_at = DateTimeField()

    class Meta:
        """The table."""

        table_name = "orders"


pipeline = table_pipeline("orders", reader=Csv(delimiter=";"), record=Order, model=OrderRow)
