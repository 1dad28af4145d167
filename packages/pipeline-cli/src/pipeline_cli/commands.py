"""The commands: options become arguments, results become text, errors become exit codes."""

from collections.abc import Callable

import click
from pipeline_jobs import OnDuplicate
from pipeline_orchestration import EngineName, LogLevel, load_pipeline, pipeline_address

type Options = dict[str, object]


@click.group(context_settings={"max_content_width": 100})
@click.option(
    "--log-level",
    type=click.Choice([level.value for level in LogLevel], case_sensitive=False),
    help="Set logging level. Use 'OFF' to disable.",
)
@click.option("--output-dir", type=click.Path(), help="Output directory for processed files.")
@click.option("--db-path", type=click.Path(), help="Path to SQLite database.")
@click.option(
    "--engine",
    type=click.Choice([engine.value for engine in EngineName]),
    help="What runs the jobs: Prefect or this process. Auto is Prefect where an API is configured.",
)
@click.option(
    "--pipeline", metavar="REF", help="Pipeline to use, as package.module:attribute or file.py:attribute."
)
@click.version_option(package_name="pipeline-cli", prog_name="pipeline")
@click.pass_context
def cli(context: click.Context, **options: object) -> None:
    """Run data through a pipeline of jobs: split a file, load its records, finalize the batch."""
    context.obj = options


@cli.command("list-jobs")
@click.pass_obj
def list_jobs(options: Options) -> None:
    """List all available jobs in the pipeline."""
    address = options["pipeline"]
    click.echo("Available jobs:")
    for number, name in enumerate(load_pipeline(pipeline_address(address)).names, 1):
        click.echo(f"  {number}. {name}")


def _inputs_and_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what `run` and `run-all` have in common."""
    for decorate in (
        click.argument("input_data", nargs=-1, required=True),
        click.option(
            "--on-duplicate",
            type=click.Choice([choice.value for choice in OnDuplicate]),
            help="What to do with records that a finalized batch holds already.",
        ),
        click.option("--encoding", metavar="NAME", help="Encoding of the input files."),
        click.option(
            "--busy-timeout", type=float, metavar="S", help="Seconds to wait for a database that is in use."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document."),
    ):
        command = decorate(command)
    return command


@cli.command()
@_inputs_and_options
@click.option("--start-from", help="Job name to start from.")
@click.option("--stop-after", help="Job name to stop after.")
@click.pass_context
def run(context: click.Context, **options: object) -> None:
    """Run the pipeline with flexible start/stop points.

    \b
    Arguments:
      INPUT_DATA  Input for the starting job (file path, batch ID, etc.)
    """
    _run(context, **options)


@cli.command("run-all")
@_inputs_and_options
@click.pass_context
def run_all(context: click.Context, **options: object) -> None:
    """Run the complete pipeline (A -> B -> C).

    \b
    Arguments:
      INPUT_DATA  Input for the first job (file path)
    """
    _run(context, start_from=None, stop_after=None, **options)
