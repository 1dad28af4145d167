"""A pipeline as a team writes it: its inputs are names of shops, and an API has their orders.

python -m http.server 8001 --directory examples/shop_api &
pipeline --pipeline examples/shop_orders.py:pipeline run-all vienna graz
"""

import json
import logging
import re
from http import HTTPStatus
from typing import Any

import click
import httpx
from pydantic import BaseModel, Field, SecretStr

from pipeline_db import PeeweeStore
from pipeline_jobs import (
    BaseJob,
    BatchId,
    InputError,
    JobB,
    JobC,
    Location,
    PipelineError,
    Source,
    parse_batch_id,
    write_document,
)
from pipeline_orchestration import PipelineDefinition

log = logging.getLogger(__name__)


class ShopParams(BaseModel):
    """Parameters of a run: options of the command, or fields of a deployment's form."""

    api: str = Field("http://127.0.0.1:8001", description="URL of the API")
    max_pages: int = Field(100, gt=0, description="most pages that a shop may have")
    token: SecretStr | None = Field(None, description="of the API")


class FetchOrders(BaseJob[str, Location]):
    """Fetch the orders of a shop page by page, and write them as a document.

    After an outage of the API it can be tried again; the definition says how often.
    """

    def __init__(self, output_dir: Location, params: ShopParams) -> None:
        self.output_dir = output_dir
        self.params = params

    def validate_input(self, value: object) -> str:
        """Parse the name of a shop."""
        if not isinstance(value, str) or not re.fullmatch(r"[a-z]+", value):
            raise InputError("input.shop", f"invalid shop {value!r}: expected a name of small letters")
        return value

    async def single_job(self, value: str) -> Location:
        """Fetch the pages, and return where the document is."""
        token = self.params.token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        orders: list[object] = []
        page: int | None = 1
        async with httpx.AsyncClient(base_url=self.params.api, headers=headers) as client:
            while page:
                if page > self.params.max_pages:
                    raise PipelineError("shop.pages", f"{value}: more than {self.params.max_pages} pages")
                answer = await self._get_page(client, value, page)
                log.info("%s: page %d has %d orders", value, page, len(answer["orders"]))
                orders += answer["orders"]
                self.counts.update(pages=1, orders=len(answer["orders"]))
                page = answer["next"]
        source = Source(f"{self.params.api}/orders/{value}", value)
        return write_document(self.output_dir, source, map(json.dumps, orders))

    async def _get_page(self, client: httpx.AsyncClient, shop: str, page: int) -> dict[str, Any]:
        try:
            response = await client.get(f"/orders/{shop}-{page}.json")
            if response.status_code == HTTPStatus.NOT_FOUND:  # it does not help to ask again
                raise InputError("input.shop", f"unknown shop {shop!r}")
            return dict(response.raise_for_status().json())
        except httpx.HTTPError as error:
            text = f"{shop}, page {page}: no answer from {self.params.api}: {error}"
            raise InputError("input.unreachable", text, retriable=True) from error


@click.command()
@click.option("--batch", type=int, required=True)
@click.pass_obj
def total(store: PeeweeStore, batch: int) -> str:
    """Add up the orders of a batch: a command that the team had before."""
    amounts = [float(json.loads(record.content)["amount"]) for record in store.records(batch)]
    return f"{len(amounts)} orders, {sum(amounts):.2f} in all"


class Total(BaseJob[BatchId, str]):
    """Run the command `total`.

    Without ``standalone_mode=False``, Click would end the process after the command; in a job, that is a
    failure of the input (``job.exit``).
    """

    def __init__(self, store: PeeweeStore) -> None:
        self.store = store

    def validate_input(self, value: object) -> BatchId:
        """Parse a batch id."""
        return parse_batch_id(value)

    def single_job(self, value: BatchId) -> str:
        """Return what the command returns."""
        return str(total.main(["--batch", str(value)], standalone_mode=False, obj=self.store))


pipeline = (
    PipelineDefinition("shop orders", params=ShopParams)
    .add_job(
        "fetch",
        lambda run: FetchOrders(run.output_dir, run.params),
        retries=3,
        timeout_seconds=60,
    )
    .add_job("load", lambda run: JobB(run.store, run.on_duplicate))
    .add_job("finalize", lambda run: JobC(run.store))
    .add_job("total", lambda run: Total(run.store))
)
