"""Results as a person reads them, and as a program does."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from pipeline_jobs import BatchId, JobResult, PipelineError, shown
from pipeline_orchestration import RunResult, continue_with

from .table import failures_by_code, print_runs

if TYPE_CHECKING:
    from pipeline_orchestration import PipelineRunner  # 30 ms to import

_LEFT_OUT = "Its --db-url is without the password: PGPASSWORD, ~/.pgpass or PIPELINE_DB_URL may give that."
_MOST_FAILURES = 20  # told of one by one
_NOT_RUN = "orchestration.not_run"

type Given = Mapping[str, object]


def as_text(
    runner: "PipelineRunner", inputs: Sequence[str], results: Sequence[RunResult], given: Given
) -> None:
    """Print what was done on standard output; on standard error what failed, and what to do about it."""
    if len(results) == 1:
        _print_jobs(results[0])
    else:
        print_runs(results)
    failed = [(value, result) for value, result in zip(inputs, results, strict=True) if not result.success]
    if len(failed) > _MOST_FAILURES:
        failed.sort(
            key=lambda each: each[1].code == _NOT_RUN
        )  # they say nothing that the failure before does not
    for value, result in failed[:_MOST_FAILURES]:
        where = " ".join(filter(None, (result.last.job, result.input)))
        click.echo(f"Error: {where}: {shown(result.error or '')} [{result.code}]", err=True)
        if command := continue_with(runner.pipeline, result, given, value):
            click.echo(f"To continue: {command}", err=True)
            if given.get("db_url") and runner.config.db_url and runner.config.db_url.has_password:
                click.echo(_LEFT_OUT, err=True)
    if rest := [result for _, result in failed[_MOST_FAILURES:]]:
        click.echo(f"Error: {len(rest):,} more failed: {failures_by_code(rest)}", err=True)
        click.echo("To continue: run the same command again; --json tells of each", err=True)
    # Of a run that succeeds, Prefect's own log names the page.
    if page := next((result.url for result in results if result.url and not result.success), None):
        click.echo(f"On Prefect: {shown(page)}", err=True)


def _print_jobs(result: RunResult) -> None:
    """One input: a line for each job."""
    done = [job for job in result.jobs if job.success]
    click.echo(result.input)
    records = [f"{job.counts['records']:,} records" if "records" in job.counts else "" for job in done]
    name_width = max((len(job.job) for job in done), default=0)
    width = max([15, *map(len, records)])
    for job, count in zip(done, records, strict=True):
        line = f"  {job.job:{name_width}}  {count:>{width}}  {job.seconds:>7.3f} s  {_outcome(job)}"
        click.echo(line.rstrip())


def _outcome(job: JobResult[object]) -> str:
    match job.output:
        case None:
            return ""
        case BatchId() as batch_id if "duplicate" in job.counts:
            return f"batch {batch_id}, which held them already"
        case BatchId() as batch_id if "resumed" in job.counts:
            return f"batch {batch_id}, left unfinished before"
        case BatchId() as batch_id:
            return f"batch {batch_id}"
        case output:
            return shown(str(output))


def as_json(
    runner: "PipelineRunner", inputs: Sequence[str], results: Sequence[RunResult], given: Given
) -> None:
    """Print one JSON document with everything that is known."""
    choice = runner.engine_choice
    click.echo(
        _json(
            {
                "success": all(result.success for result in results),
                "engine": choice.engine,
                "engine_reason": choice.reason,
                "error": None,
                "runs": [
                    _run(result, continue_with(runner.pipeline, result, given, value))
                    for value, result in zip(inputs, results, strict=True)
                ],
            }
        )
    )


def print_failure(error: PipelineError, *, as_document: bool) -> None:
    """Print a failure that came before any run."""
    click.echo(f"Error: {shown(str(error))} [{error.code}]", err=True)
    if as_document:
        details: dict[str, object] = {
            "job": None,
            "code": error.code,
            "message": str(error),
            "retriable": error.retriable,
        }
        document: dict[str, object] = {
            "success": False,
            "engine": None,
            "engine_reason": None,
            "error": details,
            "runs": [],
        }
        click.echo(_json(document))


def _run(result: RunResult, command: str | None) -> dict[str, object]:
    return {
        "input": result.input,
        "success": result.success,
        "output": _plain(result.output),
        "batch_id": result.batch_id,
        "duplicate": result.duplicate,
        "run_id": result.run_id,
        "url": result.url,
        "jobs": [
            {
                "job": job.job,
                "success": job.success,
                "output": _plain(job.output),
                "seconds": round(job.seconds, 6),
                "counts": dict(job.counts),
            }
            for job in result.jobs
        ],
        "error": _error(result),
        "continue_with": command,
    }


def _error(result: RunResult) -> dict[str, object] | None:
    if result.success:
        return None
    last = result.last
    return {"job": last.job or None, "code": last.code, "message": last.error, "retriable": last.retriable}


def _plain(output: object) -> object:
    """Return what JSON can hold of an output: numbers as they are, all else as text."""
    # JSON has no word for what is not finite.
    number = isinstance(output, int) or (isinstance(output, float) and math.isfinite(output))
    return output if number or output is None else shown(str(output))


def _json(document: object) -> str:
    return json.dumps(document, indent=2)
