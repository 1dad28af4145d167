"""`pipeline adopt` and `pipeline rejects`: commands that use the database and run no job."""

from typing import TYPE_CHECKING

import click

from pipeline_cli.log_setup import log_to_stderr
from pipeline_jobs.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline_db import PeeweeStore

_DEFAULT_LIMIT = 100


@click.command()
@click.pass_obj
def adopt(global_options: "Mapping[str, object]", /) -> None:
    """Let the pipeline use a database with tables of your own.

    The tables of the pipeline are made beside yours, which do not change.
    """
    store = _make_store(global_options)
    store.adopt()
    click.echo(f"The pipeline may use {escape(str(store.place))}; your own tables are as they were")


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_DEFAULT_LIMIT,
    metavar="N",
    help=f"Print at most this many rows; the default is {_DEFAULT_LIMIT}.",
)
@click.option("--json", "as_document", is_flag=True, help="Print the rows as one JSON document.")
@click.argument("batch")
@click.pass_obj
def rejects(global_options: "Mapping[str, object]", /, batch: str, limit: int, as_document: bool) -> None:
    """Show the rejected rows of a batch, each with its reason.

    \b
    Arguments:
      BATCH  Id of the batch
    """
    # rich and Peewee take 0.2 s to import.
    from pipeline_cli.output.rejects import print_json, print_table  # noqa: PLC0415
    from pipeline_jobs import parse_batch_id  # noqa: PLC0415

    batch_id = parse_batch_id(batch)
    store = _make_store(global_options)
    (print_json if as_document else print_table)(store.batch(batch_id), store.rejects(batch_id), limit)


def _make_store(global_options: "Mapping[str, object]") -> "PeeweeStore":
    """Return the store of the settings; its database is not checked yet."""
    from pipeline_orchestration.context import DraftContext  # noqa: PLC0415  # --help needs none of it
    from pipeline_orchestration.log_levels import load_settings  # noqa: PLC0415

    with log_to_stderr() as use_level:
        config = load_settings(global_options)
        use_level(config.log_level)
    return DraftContext(config, run_id="").store
