"""`pipeline deploy` and `pipeline serve`: deployments on a Prefect server."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

import pipeline_orchestration
from pipeline_cli.log_setup import log_to_stderr
from pipeline_cli.options import (
    PARAM_OPTION,
    RANGE_OPTIONS,
    SCHEDULE_OPTIONS,
    SETTINGS_OPTIONS,
    complete_files,
    parse_params,
)
from pipeline_jobs.escaping import escape

if TYPE_CHECKING:
    from pipeline_orchestration import CreatedDeployment, PipelineRunner
    from pipeline_orchestration.deploying import DeploymentOptions

_DEPLOYMENT_OPTIONS = [*SCHEDULE_OPTIONS, *RANGE_OPTIONS]
_WORK_POOL_OPTIONS = [
    click.Option(
        ["--work-pool", "work_pool_name"], metavar="NAME", help="Work pool to deploy to; created if missing."
    ),
    click.Option(
        ["--job-variable", "job_variables"],
        metavar="NAME=VALUE",
        multiple=True,
        help="Job variable of the work pool, as JSON or text; may be repeated.",
    ),
]
_COMMON_PARAMETERS = [
    *_DEPLOYMENT_OPTIONS,
    PARAM_OPTION,
    *SETTINGS_OPTIONS,
    click.Argument(["name"]),
    click.Argument(["input_data"], nargs=-1, shell_complete=complete_files),
]


@click.command(params=[*_WORK_POOL_OPTIONS, *_COMMON_PARAMETERS])
@click.pass_obj
def deploy(
    global_options: dict[str, object],
    /,
    name: str,
    input_data: Sequence[str],
    work_pool_name: str | None,
    job_variables: Sequence[str],
    **options: object,
) -> None:
    """Create a deployment on a Prefect server, for workers to run.

    \b
    Arguments:
      NAME        Name of the deployment; an existing one is replaced
      INPUT_DATA  Default inputs of its runs
    """
    variables = dict(map(_parse_variable, job_variables))
    with log_to_stderr() as use_level:
        runner, deployment_options = _make_runner(global_options, options)
        use_level(runner.config.log_level)
        deployed = pipeline_orchestration.deploy(
            runner,
            name,
            input_data,
            work_pool_name=work_pool_name,
            job_variables=variables,
            **deployment_options,
        )
    _print_deployment(deployed)


@click.command(params=_COMMON_PARAMETERS)
@click.pass_obj
def serve(
    global_options: dict[str, object], /, name: str, input_data: Sequence[str], **options: object
) -> None:
    """Create a deployment, and run it from this process until Ctrl-C.

    \b
    Arguments:
      NAME        Name of the deployment; an existing one is replaced
      INPUT_DATA  Default inputs of its runs
    """
    with log_to_stderr() as use_level:
        runner, deployment_options = _make_runner(global_options, options)
        use_level(runner.config.log_level)
        pipeline_orchestration.serve(runner, name, input_data, ready=_print_deployment, **deployment_options)


def _make_runner(
    global_options: dict[str, object], options: dict[str, object]
) -> "tuple[PipelineRunner, DeploymentOptions]":
    """Separate the settings from the options of the deployment, and make a runner of the settings."""
    deployment_options = {name: options.pop(name) for option in _DEPLOYMENT_OPTIONS if (name := option.name)}
    params = parse_params(cast("Sequence[str]", options.pop("param")))
    runner = pipeline_orchestration.PipelineRunner(params=params, **global_options, **options)  # type: ignore[arg-type]  # Click has parsed them
    return runner, cast("DeploymentOptions", deployment_options)


def _parse_variable(text: str) -> tuple[str, object]:
    import json  # noqa: PLC0415  # what `--help` does not need is imported late

    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="'--job-variable'")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print_deployment(deployed: "CreatedDeployment") -> None:
    """Print what was deployed, and the commands that run it."""
    lines = {"page": deployed.url, "run": shlex.join(["prefect", "deployment", "run", deployed.name])}
    if deployed.work_pool is not None:
        created = " (created, type process)" if deployed.made_pool else ""
        lines["work pool"] = f"{deployed.work_pool}{created}"
        lines["worker"] = shlex.join(["prefect", "worker", "start", "--pool", deployed.work_pool])
    click.echo(f"Deployment {escape(deployed.name)}")
    for label, text in lines.items():
        if text:
            click.echo(f"  {label:<9}  {escape(text)}")
    if deployed.work_pool is None:
        click.echo("This process runs the deployment until Ctrl-C")
