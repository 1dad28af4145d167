"""What a run leaves on its page in Prefect: a table that sums it up, and after a failure what to do about it.

Both are bounded, however many inputs there are, and hold no record; one that cannot be written is left out.
"""

import json
import logging
import re
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Thread

from prefect.client.schemas.actions import ArtifactCreate
from prefect.context import SyncClientContext
from prefect.runtime import flow_run

from pipeline_jobs import shown
from pipeline_orchestration.config import PipelineConfig
from pipeline_orchestration.continuing import continue_with, quoted
from pipeline_orchestration.crossing import DATA
from pipeline_orchestration.definition import PipelineDefinition
from pipeline_orchestration.labels import label
from pipeline_orchestration.result import RunResult
from pipeline_orchestration.sources import TEXT_PIPELINE

from .trouble import GAVE_UP

_PATIENCE = 10.0  # seconds
_ROWS = 100  # of the table
_TOLD = 10  # failures of which all is told
_LONGEST = 500  # characters of a name or a message

_UNSAID = ("pipeline", "engine", "log_level")  # the first is said by its address; the others change no result

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ran:
    """What was run, and what it came to.

    Args:
        definition: the pipeline.
        address: of the pipeline, or its name.
        config: the settings.
        inputs: as they crossed, in order.
        start_from: the first job, as it was asked for.
        stop_after: the last one.
        results: of the inputs.
        seconds: that all of it took.
    """

    definition: PipelineDefinition
    address: str
    config: PipelineConfig
    inputs: Sequence[str]
    start_from: str | None
    stop_after: str | None
    results: Sequence[RunResult]
    seconds: float

    @property
    def failed(self) -> list[tuple[str, RunResult]]:
        """The inputs that failed, with their results."""
        pairs = zip(self.inputs, self.results, strict=True)
        return [(text, result) for text, result in pairs if not result.success]


def report(ran: Ran) -> None:
    """Write the artifacts of the flow run that is about to end."""
    made = [_summary(ran)]
    if ran.failed:
        made.append(_failure(ran))
    # In a thread: Prefect asks an API that does not answer for a minute, and the jobs are done. To give it
    # less patience takes 40 ms, which is more than all of this.
    writing = Thread(target=copy_context().run, args=(_write, made), name="pipeline-artifacts", daemon=True)
    writing.start()
    writing.join(_PATIENCE)


def _write(made: Sequence[ArtifactCreate]) -> None:
    try:
        with SyncClientContext.get_or_create() as context:
            for each in made:
                context.client.create_artifact(each)
    except GAVE_UP as error:
        _log.debug("no artifacts: %s", type(error).__name__)


def key(definition: PipelineDefinition, what: str) -> str:
    """Return an artifact's key: small letters, digits and dashes, the same for each run of a pipeline."""
    name = re.sub(r"[^a-z0-9]+", "-", definition.name.lower()).strip("-")[:100]
    return "-".join(filter(None, ("pipeline", name, what)))


def _summary(ran: Ran) -> ArtifactCreate:
    first = sorted(ran.results, key=lambda result: result.success)  # the failures; else in order
    count, failed = len(ran.results), len(ran.failed)
    records = sum(_records(result) or 0 for result in ran.results)
    text = f"{count - failed} done, {failed} failed; {records:,} records in {ran.seconds:.3f} s."
    if count > _ROWS:
        text += f" Of {count:,} inputs, {_ROWS} are listed, failures first."
    rows = json.dumps([_row(result) for result in first[:_ROWS]])
    return _artifact(ran, "summary", "table", text, rows)


def _row(result: RunResult) -> dict[str, object]:
    """Return the row of an input; the names of its cells are the table's head."""
    done = "was there already" if result.duplicate else "done"
    return {
        "input": _short(result.input),
        "outcome": done if result.success else result.code,
        "records": _records(result),
        "batch": result.batch_id,
        "seconds": round(sum(job.seconds for job in result.jobs), 3),
        "message": _short(result.error or ""),
    }


def _records(result: RunResult) -> int | None:
    return next((job.counts["records"] for job in result.jobs if "records" in job.counts), None)


def _failure(ran: Ran) -> ArtifactCreate:
    failed = ran.failed
    parts = [f"# {len(failed):,} of {len(ran.results):,} inputs failed"]
    parts += [_told(ran, text, result) for text, result in failed[:_TOLD]]
    if len(failed) > _TOLD:
        parts.append(f"… and {len(failed) - _TOLD:,} more.")
    return _artifact(ran, "failure", "markdown", "What failed, and what to do about it.", "\n\n".join(parts))


def _told(ran: Ran, text: str, result: RunResult) -> str:
    job = f"Job {_code(result.last.job)} failed" if result.last.job else "It failed"
    parts = [
        f"## {_code(_short(result.input))}",
        f"{job} with {_code(result.code or '')}:",
        f"> {_code(_short(result.error or ''))}",
    ]
    if command := _command(ran, text, result):
        parts += ["This goes on where it stopped, on the machine it ran on:", _bash(command)]
    elif str(result.code).startswith(("input.", "batch.", "usage.")):
        parts.append("The same again would fail again: what the message says has to change first.")
    else:
        parts.append("Once its cause is gone, the same run again goes on: what is done is not done twice.")
    return "\n\n".join(parts)


def _command(ran: Ran, text: str, result: RunResult) -> str | None:
    """Return the command that continues, which names all that is not a default; None where there is none."""
    # A definition handed over as an object has no address, data in memory no name.
    if ":" not in ran.address or text.startswith(DATA):
        return None
    given: dict[str, object] = {"start_from": ran.start_from, "stop_after": ran.stop_after}
    usual = PipelineConfig()  # its paths are below the current folder
    for name in (setting.name for setting in fields(PipelineConfig) if setting.name not in _UNSAID):
        if (value := getattr(ran.config, name)) != getattr(usual, name):
            given[name] = value
    if ran.address != TEXT_PIPELINE:
        given["pipeline"] = ran.address
    command = continue_with(ran.definition, result, given, label(text))
    return command and f"cd {quoted(str(Path.cwd()))}\n{command}"


def _artifact(ran: Ran, what: str, kind: str, text: str, data: str) -> ArtifactCreate:
    name = key(ran.definition, what)
    return ArtifactCreate(key=name, type=kind, description=text, data=data, flow_run_id=flow_run.id)


def _short(text: str) -> str:
    printable = shown(text)
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}…"


def _code(text: str) -> str:
    """Return Markdown that shows a text as it is, whatever it holds."""
    ticks = _ticks(text, 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def _bash(command: str) -> str:
    ticks = _ticks(command, 3)
    return f"{ticks}bash\n{command}\n{ticks}"


def _ticks(text: str, least: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
