"""The commands: options become arguments, results become text, errors become exit codes."""

from collections.abc import Callable, Sequence

import click

from pipeline_jobs import OnDuplicate
from pipeline_orchestration import EngineName, LogLevel, TaskRunnerName, load_pipeline, pipeline_address

from .exits import exit_code
from .inputs_progress import InputsReport
from .logs import logging_to_stderr
from .progress import ProgressReport
from .report import as_json, as_text


@click.group(
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",  # Click would put it in brackets
    context_settings={"max_content_width": 100},
)
@click.option(
    "--log-level",
    type=click.Choice([level.value for level in LogLevel], case_sensitive=False),
    metavar=f"[{'|'.join(LogLevel)}]",  # Click would show them in lower case
    help="Set logging level. Use 'OFF' to disable.",
)
@click.option("--output-dir", type=click.Path(), help="Output directory for processed files.")
@click.option("--db-path", type=click.Path(), help="Path to SQLite database.")
@click.option("--db-url", metavar="URL", help="URL of a PostgreSQL database.")
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
def cli(context: click.Context, /, **options: str | None) -> None:
    """Run data through a pipeline of jobs: split a file, load its records, finalize the batch."""
    context.obj = options
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(exit_code("usage"))


@cli.command("list-jobs")
@click.pass_obj
def list_jobs(options: dict[str, str | None]) -> None:
    """List all available jobs in the pipeline."""
    names = load_pipeline(pipeline_address(options["pipeline"])).names
    click.echo("Available jobs:")
    for number, name in enumerate(names, 1):
        click.echo(f"  {number}. {name}")


@cli.command()
@click.option("--json", "as_document", is_flag=True, help="Print the findings as one JSON document.")
@click.pass_context
def doctor(context: click.Context, /, as_document: bool) -> None:
    """Examine all that a run depends on, and change nothing."""
    from .doctor import as_json, as_table, examine, worst  # noqa: PLC0415  # rich and Peewee, 0.2 s to import

    findings = examine(context.obj)
    (as_json if as_document else as_table)(findings)
    context.exit(exit_code(worst(findings)))


def _inputs_and_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what `run` and `run-all` have in common."""
    for decorate in (
        click.argument("input_data", nargs=-1, required=True),
        click.option("--json", "as_document", is_flag=True, help="Print the results as one JSON document."),
        click.option(
            "--no-progress", "silent", is_flag=True, help="Show no progress of jobs that take long."
        ),
        settings_options,
    ):
        command = decorate(command)
    return command


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the settings of a run that do not stand before it."""
    for decorate in (
        click.option(
            "--busy-timeout", type=float, metavar="S", help="Seconds to wait for a database that is in use."
        ),
        click.option(
            "--max-record-bytes", type=int, metavar="N", help="Refuse inputs with a record larger than this."
        ),
        click.option("--encoding", metavar="NAME", help="Encoding of the input files."),
        click.option(
            "--on-duplicate",
            type=click.Choice([choice.value for choice in OnDuplicate]),
            help="What to do with records that a finalized batch holds already.",
        ),
        click.option("--ray-address", metavar="URL", help="Ray cluster to use, as ray://host:port."),
        click.option("--dask-address", metavar="URL", help="Dask cluster to use, as tcp://host:port."),
        click.option(
            "--task-runner",
            type=click.Choice([choice.value for choice in TaskRunnerName]),
            help="Task runner by which Prefect spreads inputs.",
        ),
        click.option("--concurrency", type=int, metavar="N", help="Inputs to work on at a time."),
    ):
        command = decorate(command)
    return command


@cli.command()
@click.option("--start-from", help="Job name to start from.")
@click.option("--stop-after", help="Job name to stop after.")
@_inputs_and_options
@click.pass_context
def run(
    context: click.Context,
    /,
    input_data: Sequence[str],
    start_from: str | None,
    stop_after: str | None,
    as_document: bool,
    silent: bool,
    **options: object,
) -> None:
    """Run the pipeline with flexible start/stop points.

    \b
    Arguments:
      INPUT_DATA  Input for the starting job (file path, batch ID, etc.)
    """
    _run(context, input_data, start_from, stop_after, options, as_document=as_document, silent=silent)


@cli.command("run-all")
@_inputs_and_options
@click.pass_context
def run_all(
    context: click.Context, /, input_data: Sequence[str], as_document: bool, silent: bool, **options: object
) -> None:
    """Run the complete pipeline (A -> B -> C).

    \b
    Arguments:
      INPUT_DATA  Input for the first job (file path, etc.)
    """
    _run(context, input_data, None, None, options, as_document=as_document, silent=silent)


def _run(
    context: click.Context,
    inputs: Sequence[str],
    start_from: str | None,
    stop_after: str | None,
    options: dict[str, object],
    *,
    as_document: bool,
    silent: bool,
) -> None:
    from pipeline_orchestration import PipelineRunner, expand_inputs  # noqa: PLC0415  # 30 ms to import, which --help has no use for

    options = {**context.obj, **options}
    runner = PipelineRunner(**options)  # type: ignore[arg-type]  # Click has parsed them
    level = runner.config.log_level
    silent = silent or as_document or level is LogLevel.OFF
    later = start_from not in (
        None,
        runner.available_jobs[0],
    )  # in the pipeline, so that documents are wanted
    values = expand_inputs(inputs, runner.config, documents=later)
    report = InputsReport(len(values)) if len(values) > 1 else ProgressReport()
    with logging_to_stderr(level), report:
        results = runner.run_many(
            values,
            start_from,
            stop_after,
            progress=None if silent else report,
            finished=None if silent else report.finished,
        )
    given = {**options, "start_from": start_from, "stop_after": stop_after}
    (as_json if as_document else as_text)(runner, list(map(str, values)), results, given)
    failed = next((result for result in results if not result.success), None)
    context.exit(exit_code(failed.code if failed else None))
