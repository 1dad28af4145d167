"""The `pipeline` command: its global options, the short commands list-jobs and doctor, and the others."""

from collections.abc import Sequence

import click

from pipeline_orchestration import LogLevel, load_pipeline, resolve_pipeline_address
from pipeline_orchestration.log_levels import set_log_level

from .commands.database import adopt, rejects
from .commands.deploy import deploy, serve
from .commands.run import run, run_all
from .exit_codes import get_exit_code
from .log_setup import log_to_stderr
from .options import GLOBAL_OPTIONS, PARAM_OPTION, parse_params
from .streams import begin_results, divert_output


@click.group(
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",  # Click would put COMMAND in brackets
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
    params=GLOBAL_OPTIONS,
)
@click.version_option(package_name="pipeline-cli", prog_name="pipeline")
@click.pass_context
def cli(context: click.Context, /, **options: str | None) -> None:
    """Run data through a pipeline of jobs: split a file, load its records, finalize the batch."""
    context.obj = options
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(get_exit_code("usage"))


@click.command("list-jobs")
@click.pass_obj
def list_jobs(options: dict[str, str | None]) -> None:
    """List all available jobs in the pipeline."""
    level = LogLevel(options["log_level"] or LogLevel.INFO)
    with log_to_stderr(level), set_log_level(level):
        address = resolve_pipeline_address(options["pipeline"], options["no_settings_files"])
    pipeline = load_pipeline(address)
    names = pipeline.names
    begin_results()
    click.echo("Available jobs:")
    for number, name in enumerate(names, 1):
        click.echo(f"  {number}. {name}")
    if pipeline.parameters:
        from .output.parameters import print_parameters  # noqa: PLC0415  # few pipelines have parameters

        print_parameters(pipeline.parameters.schema.parameters)


@click.command(params=[PARAM_OPTION])
@click.option("--json", "as_document", is_flag=True, help="Print the findings as one JSON document.")
@click.pass_context
def doctor(context: click.Context, /, param: Sequence[str], as_document: bool) -> None:
    """Check everything a run depends on, and change nothing."""
    # rich and Peewee take 0.2 s to import.
    from .diagnostics import diagnose_installation, find_worst_code  # noqa: PLC0415
    from .output.findings import print_json, print_table  # noqa: PLC0415

    if as_document:
        divert_output()
    with log_to_stderr():
        findings = diagnose_installation(context.obj, parse_params(param))
    (print_json if as_document else print_table)(findings)
    context.exit(get_exit_code(find_worst_code(findings)))


for _command in (list_jobs, run, run_all, rejects, doctor, adopt, deploy, serve):
    cli.add_command(_command)
