"""Artifacts on the page of a flow run: a table of its inputs, and reports of its failures and rejects.

All are bounded, however many inputs there are, and hold no record. One that cannot be written is left out.
"""

import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, fields
from threading import Thread

from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import SyncClientContext
from prefect.runtime import flow_run

from pipeline_jobs.documents.rows import Sums
from pipeline_jobs.escaping import shorten
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.execution.resume_command import build_resume_command, introduce_command
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import MEMORY, RunInput
from pipeline_orchestration.results import RunResult
from pipeline_orchestration.settings.config import PipelineConfig
from pipeline_orchestration.settings.sources import TEXT_PIPELINE

from .exceptions import CLIENT_ERRORS
from .markdown import format_code, format_command, show_text
from .reject_report import describe_rejects

_TIMEOUT = 10.0  # seconds
_MOST_ROWS = 100  # of the table
_MOST_FAILURES = 10  # in the report
_LONGEST_TEXT = 500  # characters of a name or a message

# The address names the pipeline; the others change no result.
_NOT_IN_COMMAND = ("pipeline", "engine", "log_level")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run with its results.

    Args:
        spec: the run.
        definition: its pipeline.
        inputs: in order.
        results: a result for each input, in the same order.
        seconds: duration of the run.
    """

    spec: RunSpec
    definition: PipelineDefinition
    inputs: Sequence[RunInput]
    results: Sequence[RunResult]
    seconds: float

    @property
    def failures(self) -> list[tuple[RunInput, RunResult]]:
        """The inputs that failed, with their results."""
        pairs = zip(self.inputs, self.results, strict=True)
        return [(run_input, result) for run_input, result in pairs if not result.success]


def write_artifacts(run: FinishedRun) -> None:
    """Write the artifacts of the current flow run, at its end."""
    # In a thread: Prefect waits a minute for an API that does not answer, and the jobs are done. Changing its
    # timeout takes 40 ms, more than everything here.
    thread = Thread(target=copy_context().run, args=(_send, run), name="pipeline-artifacts", daemon=True)
    thread.start()
    thread.join(_TIMEOUT)


def make_artifact_key(definition: PipelineDefinition, kind: str) -> str:
    """Return the key of an artifact, which is the same for each run of a pipeline.

    Prefect takes lower-case letters, digits and dashes.
    """
    name = re.sub(r"[^a-z0-9]+", "-", definition.name.lower()).strip("-")[:100]
    return "-".join(filter(None, ("pipeline", name, kind)))


def _send(run: FinishedRun) -> None:
    try:
        with SyncClientContext.get_or_create() as context:
            for artifact in _make_artifacts(run):
                context.client.create_artifact(artifact)
    except CLIENT_ERRORS as error:
        _log.debug("artifacts could not be written: %s", type(error).__name__)


def _make_artifacts(run: FinishedRun) -> Iterator[ArtifactCreate]:
    yield _make_summary(run)
    if run.failures:
        yield _make_failure_report(run)
    if report := describe_rejects(run.spec, run.results):
        yield _make_artifact(run, "rejects", "markdown", "Rejected rows by reason.", report)


def _make_summary(run: FinishedRun) -> ArtifactCreate:
    failures_first = sorted(run.results, key=lambda result: result.success)  # stable: else in order
    count, failed = len(run.results), len(run.failures)
    records = sum(_count_records(result) or 0 for result in run.results)
    rejected = sum(result.sums.rejected for result in run.results if result.sums)
    loaded = f"{records:,} records, {rejected:,} rejected" if rejected else f"{records:,} records"
    text = f"{count - failed} done, {failed} failed; {loaded} in {run.seconds:.3f} s."
    if count > _MOST_ROWS:
        text += f" Of {count:,} inputs, {_MOST_ROWS} are listed, failures first."
    if run.definition.description:
        text = f"{run.definition.description}\n\n{text}"
    is_typed = any(result.sums for result in run.results)
    rows = json.dumps([_make_row(result, is_typed=is_typed) for result in failures_first[:_MOST_ROWS]])
    return _make_artifact(run, "summary", "table", text, rows)


def _make_row(result: RunResult, *, is_typed: bool) -> dict[str, object]:
    """Return the row of an input; its keys become the head of the table, with the sums of typed rows."""
    sums = result.sums._asdict() if result.sums else dict.fromkeys(Sums._fields)
    done = "was there already" if result.duplicate else "done"
    return {
        "input": _shorten(result.input),
        "outcome": done if result.success else show_text(result.code or ""),
        **(sums if is_typed else {"records": _count_records(result)}),
        "batch": result.batch_id,
        "seconds": round(sum(job.seconds for job in result.jobs), 3),
        "message": _shorten(result.error or ""),
    }


def _shorten(text: str) -> str:
    return show_text(shorten(text, _LONGEST_TEXT))


def _count_records(result: RunResult) -> int | None:
    if result.sums:
        return result.sums.loaded
    return next((job.counts["records"] for job in result.jobs if "records" in job.counts), None)


def _make_failure_report(run: FinishedRun) -> ArtifactCreate:
    failures = run.failures
    parts = [f"# {len(failures):,} of {len(run.results):,} inputs failed"]
    parts += [_describe_failure(run, *failure) for failure in failures[:_MOST_FAILURES]]
    if len(failures) > _MOST_FAILURES:
        parts.append(f"… and {len(failures) - _MOST_FAILURES:,} more.")
    title = "Failed inputs, and how to continue."
    return _make_artifact(run, "failure", "markdown", title, "\n\n".join(parts))


def _describe_failure(run: FinishedRun, run_input: RunInput, result: RunResult) -> str:
    job = f"Job {format_code(result.last.job)} failed" if result.last.job else "It failed"
    parts = [
        f"## {format_code(shorten(result.input, _LONGEST_TEXT))}",
        f"{job} with {format_code(result.code or '')}:",
        f"> {format_code(shorten(result.error or '', _LONGEST_TEXT))}",
    ]
    if command := _make_command(run, run_input, result):
        parts += [
            f"{introduce_command(result)}, run this on the same machine:",
            command,
        ]
    elif str(result.code).startswith(("input.", "batch.", "usage.")):
        parts.append("The same run would fail again: first correct what the message names.")
    else:
        parts.append("Once the cause is removed, repeat the run: what is done is not done again.")
    return "\n\n".join(parts)


def _make_command(run: FinishedRun, run_input: RunInput, result: RunResult) -> str | None:
    """Return the command that continues as Markdown, with the settings that are no defaults; or None."""
    # A definition that was given as an object has no address, and data in memory has no name.
    if not isinstance(run.spec.pipeline, str) or run_input.label == MEMORY:
        return None
    options: dict[str, object] = {"start_from": run.spec.start_from, "stop_after": run.spec.stop_after}
    defaults = PipelineConfig()  # its paths are in the current folder, as those of the command are
    for name in (each.name for each in fields(PipelineConfig) if each.name not in _NOT_IN_COMMAND):
        if (value := getattr(run.spec.config, name)) != getattr(defaults, name):
            options[name] = value
    if run.spec.pipeline != TEXT_PIPELINE:
        options["pipeline"] = run.spec.pipeline
    if run.definition.parameters:
        options["param"] = run.definition.parameters.list_arguments(run.spec.params)
    command = build_resume_command(run.definition, result, options, run_input.word)
    return command and format_command(command)


def _make_artifact(run: FinishedRun, kind: str, data_type: str, text: str, data: str) -> ArtifactCreate:
    key = make_artifact_key(run.definition, kind)
    return ArtifactCreate(key=key, type=data_type, description=text, data=data, flow_run_id=flow_run.id)
