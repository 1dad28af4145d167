"""The pipeline for the CSV file of orders, with a msgspec Struct.

Usage: pipeline --pipeline ours_orders_struct.py:pipeline run-all INPUT
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct
from order_row import OrderRow

from pipeline_jobs import Csv
from pipeline_orchestration import table_pipeline


class Order(Struct):
    """A row of the file, with the rules of the pydantic model in `order_class.py`."""

    id: int
    customer: Annotated[str, Meta(min_length=1, max_length=100)]
    amount: Decimal
    quantity: Annotated[int, Meta(ge=1)] | None
    placed_at: datetime
    note: str | None
    paid: bool | None


pipeline = table_pipeline("orders", reader=Csv(), record=Order, model=OrderRow)
