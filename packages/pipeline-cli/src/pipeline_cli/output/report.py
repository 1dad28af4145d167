"""Results of a run: text and, for several inputs, a table for a person; JSON for a program."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from pipeline_cli.output import sums
from pipeline_cli.progress import count_records
from pipeline_cli.streams import begin_results, restore_streams, write_result
from pipeline_jobs import BatchId, PipelineError
from pipeline_jobs.escaping import escape, get_text, shorten

if TYPE_CHECKING:
    # 30 ms to import the runner, and a millisecond for each class of results; --help needs none.
    from pipeline_jobs import JobResult
    from pipeline_orchestration import PipelineRunner, RunResult

_MAX_FAILURES = 20  # printed one by one; the others are counted by code
_NO_PASSWORD = "This --db-url has no password: set PGPASSWORD, ~/.pgpass or PIPELINE_DB_URL"  # noqa: S105  # none
_NOT_RUN = "orchestration.not_run"
_MAX_ROWS = 50  # on a terminal; a program or a file gets them all
_LINE_LENGTH = 500  # characters of an output in a line for a person
_VALUE_LENGTH = 10_000  # characters of an output in JSON, and of an error
_COUNTS_LENGTH = 80  # characters of what a job of one's own counts, in a line for a person
_LARGEST_NUMBER = 10**308  # in JSON
_HEADER = "  batch     records   seconds"
# Counts of A, B and C that have a place of their own, or none in a table.
_BUILT_IN_COUNTS = frozenset({"blank", "duplicate", "lines", "records", "resumed"})

type Options = Mapping[str, object]
"""Options by name, as they were given."""


def print_text(
    runner: "PipelineRunner", inputs: Sequence[str | None], results: Sequence["RunResult"], options: Options
) -> None:
    """Print what was done to standard output, and each failure with its next step to standard error."""
    from pipeline_orchestration.execution import resume_command  # noqa: PLC0415  # the command has loaded it before the run

    begin_results()
    if len(results) == 1:
        _print_jobs(results[0])
    else:
        _print_runs(results)
    if batch := sums.find_rejects(results):
        click.echo(f"  Rejected rows: {resume_command.build_rejects_command(options, batch)}")
    failed = [(value, result) for value, result in zip(inputs, results, strict=True) if not result.success]
    if len(failed) > _MAX_FAILURES:
        failed.sort(key=lambda each: each[1].code == _NOT_RUN)  # last: they only follow from another failure
    for value, result in failed[:_MAX_FAILURES]:
        where = " ".join(filter(None, (result.last.job, result.input)))
        click.echo(f"Error: {where}: {shorten(result.error or '', _VALUE_LENGTH)} [{result.code}]", err=True)
        if command := resume_command.build_resume_command(runner.pipeline, result, options, value):
            click.echo(f"{resume_command.introduce_command(result)}: {command}", err=True)
            if options.get("db_url") and runner.config.db_url and runner.config.db_url.has_password:
                click.echo(_NO_PASSWORD, err=True)
    if rest := [result for _, result in failed[_MAX_FAILURES:]]:
        click.echo(f"Error: {len(rest):,} more failed: {_format_code_counts(rest)}", err=True)
        click.echo("To continue: run the same command again; --json lists every failure", err=True)
    # After a success, Prefect's own log has named the page.
    if page := next((result.url for result in results if result.url and not result.success), None):
        click.echo(f"On Prefect: {escape(page)}", err=True)


def print_json(
    runner: "PipelineRunner", inputs: Sequence[str | None], results: Sequence["RunResult"], options: Options
) -> None:
    """Print everything that is known about the runs as one JSON document."""
    from pipeline_orchestration.execution import resume_command  # noqa: PLC0415  # see above

    restore_streams()
    runs = [
        _run_to_json(result, resume_command.build_resume_command(runner.pipeline, result, options, value))
        for value, result in zip(inputs, results, strict=True)
    ]
    choice = runner.engine_choice
    _print_document(
        success=all(result.success for result in results),
        engine=choice.engine,
        engine_reason=choice.reason,
        error=None,
        runs=runs,
    )


def print_failure(error: PipelineError, *, as_document: bool) -> None:
    """Print a failure that came before any run; on standard output only as a JSON document."""
    restore_streams()
    click.echo(f"Error: {escape(str(error))} [{error.code}]", err=True)
    if as_document:
        details = _error_to_json(None, error.code, str(error), retriable=error.retriable)
        _print_document(success=False, engine=None, engine_reason=None, error=details, runs=[])


def _print_jobs(result: "RunResult") -> None:
    """Print a line for each job that ran on the only input."""
    done = [job for job in result.jobs if job.success]
    is_typed = result.sums is not None
    click.echo(result.input)
    counts = [_format_counts(_select_counts(job, is_typed=is_typed), "records") for job in done]
    name_width = max([len(job.job) for job in done], default=0)
    width = max([15, *map(len, counts)])
    for job, count in zip(done, counts, strict=True):
        line = f"  {job.job:{name_width}}  {count:>{width}}  {job.seconds:>7.3f} s  {_format_output(job)}"
        click.echo(line.rstrip())
    if result.sums:
        click.echo(f"  {sums.format_sums(result.sums)}")


def _select_counts(job: "JobResult[object]", *, is_typed: bool) -> Mapping[str, int]:
    """Return the counts of a job for its line; of typed rows, whose sums stand below, what it sorted out."""
    if not is_typed:
        return job.counts
    sorted_out = () if isinstance(job.output, BatchId) else ("rejected", "dropped")
    return {
        name: number
        for name, number in job.counts.items()
        if name not in sums.SUM_NAMES or (number and name in sorted_out)
    }


def _format_counts(counts: Mapping[str, int], *names: str) -> str:
    """Return what a job of one's own has counted, after some of the built-in counts; perhaps cut."""
    own = [name for name in counts if name not in _BUILT_IN_COUNTS]
    shown = ", ".join([f"{counts[name]:,} {name}" for name in [*names, *own] if name in counts])
    return shorten(shown, _COUNTS_LENGTH) if own else shown


def _format_output(job: "JobResult[object]") -> str:
    match job.output:
        case None:
            return ""
        case BatchId() as batch_id if "duplicate" in job.counts:
            return f"batch {batch_id} (was there already)"
        case BatchId() as batch_id if "resumed" in job.counts:
            return f"batch {batch_id} (resumed)"
        case BatchId() as batch_id:
            return f"batch {batch_id}"
        case output:
            return shorten(get_text(output), _LINE_LENGTH)


def _print_runs(results: Sequence["RunResult"]) -> None:
    """Print the rows, failures last, then the totals."""
    done = [result for result in results if result.success]
    failed = [result for result in results if not result.success]
    rows = done + failed
    if len(results) > _MAX_ROWS and sys.stdout.isatty():
        # Standard error names the failures, each with its next step.
        rows = []
    total = sums.total(results)
    if rows:
        click.echo(click.style(sums.HEADER if total else _HEADER, bold=True))
    for result in rows:
        click.echo(_format_row(result, is_typed=total is not None))
    totals = f"{len(results):,} inputs: {len(done):,} done, {len(failed):,} failed"
    click.echo(click.style(totals, fg="red" if failed else "green"))
    if not rows:
        _print_totals(done)
    if total:
        click.echo(f"  {sums.format_sums(total)}")
    own: Counter[str] = Counter()
    for result in done:
        own.update(_sum_counts(result))
    if counts := _format_counts(own):
        click.echo(f"  {counts}")


def _sum_counts(result: "RunResult") -> Counter[str]:
    """Return what the jobs of an input have counted together, without the counts of its sums."""
    total: Counter[str] = Counter()
    for job in result.jobs:
        total.update(job.counts)
    for name in sums.SUM_NAMES if result.sums else ():
        del total[name]
    return total


def _format_code_counts(results: Sequence["RunResult"]) -> str:
    """Return how often each error code occurs, the most frequent first."""
    codes = Counter(str(result.code) for result in results)
    return ", ".join(f"{code} {count:,}" for code, count in codes.most_common())


def _format_row(result: "RunResult", *, is_typed: bool = False) -> str:
    batch = "failed" if not result.success else str(result.batch_id or "")
    seconds = sum(job.seconds for job in result.jobs)
    duplicate = "  (was there already)" if result.duplicate else ""
    if is_typed:
        columns = sums.format_columns(result.sums)
    else:
        records = count_records(result)
        columns = f"{'' if records is None else f'{records:,}':>12}"
    own = _format_counts(_sum_counts(result))
    # The input comes after what is aligned, as it can have any length.
    row = f"{batch:>7}{columns}  {seconds:>8.3f}  {result.input}{duplicate}{own and f'  {own}'}"
    return row if result.success else click.style(row, fg="red")


def _print_totals(done: Sequence["RunResult"]) -> None:
    duplicates = [result for result in done if result.duplicate]
    new = [result for result in done if not result.duplicate]
    for text, results in (("new", new), ("already there", duplicates)):
        if results:
            records = sum(count_records(result) or 0 for result in results)
            ids = [result.batch_id for result in results if result.batch_id is not None]
            click.echo(f"  {len(results):,} {text}: {records:,} records{_format_range(ids)}")


def _format_range(ids: Sequence[int]) -> str:
    if not ids:
        return ""
    first, last = min(ids), max(ids)
    return f", batch {first}" if first == last else f", batches {first} to {last}"


def _print_document(**document: object) -> None:
    import json  # noqa: PLC0415  # what `--help` does not need is imported late

    write_result(json.dumps(document, indent=2))


def _run_to_json(result: "RunResult", command: str | None) -> dict[str, object]:
    last, error = result.last, None
    if not result.success:
        error = _error_to_json(last.job or None, last.code, last.error, retriable=last.retriable)
    return {
        "input": result.input,
        "success": result.success,
        "output": _output_to_json(result.output),
        "batch_id": result.batch_id,
        "duplicate": result.duplicate,
        **({"sums": result.sums._asdict()} if result.sums else {}),
        "run_id": result.run_id,
        "url": result.url,
        "jobs": [
            {
                "job": job.job,
                "success": job.success,
                "output": _output_to_json(job.output),
                "seconds": round(job.seconds, 6),
                "counts": dict(job.counts),
            }
            for job in result.jobs
        ],
        "error": error,
        "continue_with": command,
    }


def _error_to_json(
    job: str | None, code: str | None, message: str | None, *, retriable: bool
) -> dict[str, object]:
    return {"job": job, "code": code, "message": message, "retriable": retriable}


def _output_to_json(output: object) -> object:
    """Return a finite number as it is, and anything else as text, which may be cut."""
    # JSON has no NaN and no infinity, and Python writes out no number of more than 4,300 digits.
    is_number = isinstance(output, int | float) and abs(output) < _LARGEST_NUMBER
    return output if is_number or output is None else shorten(get_text(output), _VALUE_LENGTH)
