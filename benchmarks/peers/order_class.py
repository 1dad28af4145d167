"""An order as a pydantic model: what a row of the CSV file must be."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field


class Order(BaseModel):
    """A row of the file; an empty value is None."""

    id: int
    customer: Annotated[str, Field(min_length=1, max_length=100)]
    amount: Decimal
    quantity: Annotated[int, Field(ge=1)] | None
    placed_at: datetime
    note: str | None
    paid: bool | None
