"""The commands that hand a pipeline to a Prefect server."""

import json
import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import click

from pipeline_jobs import shown

from .commands import settings_options
from .logs import logging_to_stderr

if TYPE_CHECKING:
    from pipeline_orchestration import Deployed, PipelineRunner
    from pipeline_orchestration.deploying import DeploymentOptions

_OF_DEPLOYMENT = ("start_from", "stop_after", "cron", "interval", "timezone")


def _deployment_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what `deploy` and `serve` have in common."""
    for decorate in (
        click.argument("input_data", nargs=-1),
        click.argument("name"),
        settings_options,
        click.option("--stop-after", help="Job name to stop after."),
        click.option("--start-from", help="Job name to start from."),
        click.option("--timezone", metavar="NAME", help="Time zone of the schedule, as Europe/Vienna."),
        click.option("--interval", type=float, metavar="S", help="Run every so many seconds."),
        click.option("--cron", metavar="LINE", help="Run when a cron line says so, as '0 2 * * *'."),
    ):
        command = decorate(command)
    return command


@click.command()
@click.option(
    "--work-pool", "work_pool_name", metavar="NAME", help="Work pool whose workers run it; made if missing."
)
@click.option(
    "--job-variable",
    "job_variables",
    metavar="NAME=VALUE",
    multiple=True,
    help="For the work pool, as text or JSON; any number of times.",
)
@_deployment_options
@click.pass_obj
def deploy(
    given: dict[str, object],
    /,
    name: str,
    input_data: Sequence[str],
    work_pool_name: str | None,
    job_variables: Sequence[str],
    **options: object,
) -> None:
    """Make a deployment on a Prefect server, for a worker to run.

    \b
    Arguments:
      NAME        Name of the deployment; one that is there is replaced
      INPUT_DATA  Inputs of its runs, unless a run is given others
    """
    from pipeline_orchestration import deploy as deployed_by  # noqa: PLC0415  # brings what --help has no use for

    variables = dict(map(_variable, job_variables))
    asked = _asked(options)
    runner = _runner(given, options)
    with logging_to_stderr(runner.config.log_level):
        made = deployed_by(
            runner,
            name,
            input_data,
            work_pool_name=work_pool_name,
            job_variables=variables,
            **asked,
        )
    _print(made)


@click.command()
@_deployment_options
@click.pass_obj
def serve(
    given: dict[str, object],
    /,
    name: str,
    input_data: Sequence[str],
    **options: object,
) -> None:
    """Make a deployment, and run it from here until Ctrl-C.

    \b
    Arguments:
      NAME        Name of the deployment; one that is there is replaced
      INPUT_DATA  Inputs of its runs, unless a run is given others
    """
    from pipeline_orchestration import serve as served_by  # noqa: PLC0415  # see `deploy`

    asked = _asked(options)
    runner = _runner(given, options)
    with logging_to_stderr(runner.config.log_level):
        served_by(
            runner,
            name,
            input_data,
            ready=_print,
            **asked,
        )


def _asked(options: dict[str, object]) -> "DeploymentOptions":
    """Take out of the options those of a deployment; what is left are settings."""
    return cast("DeploymentOptions", {name: options.pop(name) for name in _OF_DEPLOYMENT})


def _runner(given: dict[str, object], settings: dict[str, object]) -> "PipelineRunner":
    from pipeline_orchestration import PipelineRunner  # noqa: PLC0415  # 30 ms to import

    return PipelineRunner(**given, **settings)  # type: ignore[arg-type]  # Click has parsed them


def _variable(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="'--job-variable'")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print(made: "Deployed") -> None:
    """Print what was made, and how it is run."""
    lines = {"page": made.url, "run it": shlex.join(["prefect", "deployment", "run", made.name])}
    if made.work_pool is not None:
        lines["work pool"] = f"{made.work_pool}{' (made, for processes)' if made.made_pool else ''}"
        lines["worker"] = shlex.join(["prefect", "worker", "start", "--pool", made.work_pool])
    click.echo(f"Deployment {shown(made.name)}")
    for what, text in lines.items():
        if text:
            click.echo(f"  {what:<9}  {shown(text)}")
    if made.work_pool is None:
        click.echo("Runs are started from here until Ctrl-C.")
