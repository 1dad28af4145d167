"""`pipeline run` and `pipeline run-all`."""

from collections.abc import Sequence
from contextlib import nullcontext

import click

import pipeline_orchestration
from pipeline_cli.exit_codes import get_exit_code
from pipeline_cli.log_setup import log_to_stderr
from pipeline_cli.options import (
    PARAM_OPTION,
    RANGE_OPTIONS,
    SETTINGS_OPTIONS,
    complete_files,
    parse_params,
)
from pipeline_cli.output.report import print_json, print_text
from pipeline_cli.progress import InputsProgress, JobProgress
from pipeline_cli.streams import divert_output
from pipeline_orchestration import LogLevel

_COMMON_PARAMETERS = [
    PARAM_OPTION,
    *SETTINGS_OPTIONS,
    click.Option(["--no-progress", "silent"], is_flag=True, help="Do not show progress."),
    click.Option(["--json", "as_document"], is_flag=True, help="Print the results as one JSON document."),
    click.Argument(["input_data"], nargs=-1, required=True, shell_complete=complete_files),
]


def _run_inputs(
    context: click.Context,
    /,
    input_data: Sequence[str],
    param: Sequence[str],
    as_document: bool,
    silent: bool,
    start_from: str | None = None,
    stop_after: str | None = None,
    **options: object,
) -> None:
    """Run jobs on the inputs and print the results; the exit code is that of the first failure."""
    # For the report: after a failure, with too many files open, it could not be loaded. --help needs none.
    from pipeline_orchestration.execution import resume_command  # noqa: F401, PLC0415

    if as_document:
        divert_output()
    options = {**context.obj, **options}
    progress: InputsProgress | JobProgress | None = None
    with log_to_stderr() as use_level:
        runner = pipeline_orchestration.PipelineRunner(params=parse_params(param), **options)  # type: ignore[arg-type]  # Click has parsed them
        level = runner.config.log_level
        use_level(level)
        silent = silent or as_document or level is LogLevel.OFF
        inputs = runner.parse_words(input_data, start_from)
        if not silent:
            progress = InputsProgress(len(inputs)) if len(inputs) > 1 else JobProgress()
        with progress or nullcontext():
            results = runner.run_many(
                inputs,
                start_from,
                stop_after,
                progress=progress,
                finished=progress.finish_input if progress else None,
            )
    given = {**options, "start_from": start_from, "stop_after": stop_after, "param": param}
    words = [each.word for each in inputs]
    (print_json if as_document else print_text)(runner, words, results, given)
    failed = next((result for result in results if not result.success), None)
    context.exit(get_exit_code(failed.code if failed else None))


run = click.Command(
    "run",
    callback=click.pass_context(_run_inputs),
    params=[*RANGE_OPTIONS, *_COMMON_PARAMETERS],
    help="""Run the pipeline with flexible start/stop points.

    \b
    Arguments:
      INPUT_DATA  Input for the starting job (file path, batch ID, etc.)

    - is standard input, and a pipe may be named, if the job takes files. They are read to their end
    first, into a temporary file, in the folder of TMPDIR or else /tmp.
    """,
)

run_all = click.Command(
    "run-all",
    callback=click.pass_context(_run_inputs),
    params=_COMMON_PARAMETERS,
    help="""Run the complete pipeline (A -> B -> C).

    \b
    Arguments:
      INPUT_DATA  Input for the first job (file path, etc.)

    - is standard input, and a pipe may be named, if the job takes files. They are read to their end
    first, into a temporary file, in the folder of TMPDIR or else /tmp.
    """,
)
