"""What goes to another process, and what comes back: work and results as bytes."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pipeline_jobs import BaseJob, JobResult, PipelineError

from .address import load_pipeline
from .context import RunContext
from .errors import OrchestrationError
from .result import RunResult
from .work import Prepared, Work


def pack_work(work: Work) -> bytes:
    """Return work as bytes, also where factories are lambdas.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition holds what cannot be sent.
    """
    import cloudpickle  # noqa: PLC0415  # 0.03 s to import, for runs of many processes alone

    done: JobResult[bytes] = _Attempt().execute(lambda: cloudpickle.dumps(work))
    if not done.success:
        raise _unsendable(done.error) from done.exception
    return done.unwrap()


@lru_cache(maxsize=1)
def unpack_work(packed: bytes) -> Prepared:
    """Return work with its jobs and surroundings: once for all groups that one process is given.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
    """
    loaded = _Attempt().execute(lambda: pickle.loads(packed))  # noqa: S301  # of who hands out the work
    if not loaded.success:
        raise _unsendable(loaded.error) from loaded.exception
    work: Work = loaded.unwrap()
    pipeline = load_pipeline(work.pipeline) if isinstance(work.pipeline, str) else work.pipeline
    context = RunContext(work.config, work.run_id, turns=work.turns, quiet=work.quiet)
    return Prepared(work, pipeline.between(work.start_from, work.stop_after), context)


def pack_results(results: list[RunResult]) -> bytes:
    """Return results as bytes that any of our processes can read, whatever jobs have returned or raised."""
    together = _packed(results)
    if together.success:
        return together.unwrap()
    return pickle.dumps([replace(result, jobs=tuple(map(_portable, result.jobs))) for result in results])


def unpack_results(packed: bytes) -> list[RunResult]:
    """Return the results that were packed elsewhere."""
    results: list[RunResult] = pickle.loads(packed)  # noqa: S301  # of a process of ours
    return results


class _Attempt(BaseJob[Callable[[], Any], Any]):
    """Calls what may raise anything, as pickling does where a class of a user's own has a say in it."""

    def validate_input(self, value: object) -> Callable[[], Any]:
        if not callable(value):
            raise TypeError(value)
        return value

    def single_job(self, value: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever that returns
        return value()


def _packed(results: Sequence[object]) -> JobResult[bytes]:
    """Return results as bytes that another process can read, or why that cannot be."""

    def packed() -> bytes:
        data = pickle.dumps(results)
        pickle.loads(data)  # noqa: S301  # our own; an exception may be pickled that cannot be made again
        return data

    return _Attempt().execute(packed)


def _portable(result: JobResult[Any]) -> JobResult[Any]:
    """Return a result that another process can read, whatever the job has returned or raised."""
    reason = _packed([result]).error
    if reason is None:
        return result
    if result.exception is not None:
        failure = PipelineError(str(result.code), str(result.error), retriable=result.retriable)
    else:
        text = f"its output, a {type(result.output).__name__}, cannot be sent to another process: {reason}"
        failure = OrchestrationError("orchestration.output", text)
    return replace(result, output=None, exception=failure)


def _unsendable(reason: str | None) -> OrchestrationError:
    text = f"the pipeline cannot be sent to another process: {reason}"
    hint = "name it by an address that can be imported there, or use --concurrency 1"
    return OrchestrationError("orchestration.definition", f"{text}; {hint}")
