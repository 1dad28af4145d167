"""Pickles that cross a process boundary: the description of a run and its inputs out, results back.

Only our own processes exchange them, over pipes of their own or over the task runner's connection.
"""

import copyreg
import logging
import pickle
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from pipeline_jobs import BatchId, InputError, JobResult, PipelineError, Url
from pipeline_orchestration.exceptions import OrchestrationError
from pipeline_orchestration.execution.concurrency_limits import is_run_folder
from pipeline_orchestration.execution.job_loop import JobLoop
from pipeline_orchestration.execution.run_spec import RunSpec
from pipeline_orchestration.inputs import RunInput
from pipeline_orchestration.results import RunResult, UnsentOutput

from .credentials import restore_secrets, strip_secrets

# Types of the outputs of A, B and C, and of others that any process can read.
_PLAIN = frozenset({type(None), bool, int, float, str, bytes, type(Path()), BatchId, Url})

_log = logging.getLogger(__name__)

# By its name. cloudpickle sends a dataclass of a script with a copy of it, which Pydantic does not recognize.
copyreg.pickle(type(MISSING), lambda _: "MISSING")


def dump_spec(spec: RunSpec) -> bytes:
    """Pickle the description of a run, also one whose factories are lambdas; without secret parameters.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be pickled.
    """
    try:
        # By themselves: their class may be known only after the definition is loaded from its file.
        packed_params = b"" if spec.params is None else _dump(strip_secrets(spec.params))
        return _dump((replace(spec, params=None), packed_params))
    except Exception as error:  # pickling calls the user's code
        raise _make_definition_error(error) from error


@lru_cache(maxsize=1)
def load_job_loop(packed_spec: bytes) -> JobLoop:
    """Return what runs the jobs of a run; made once for all groups that this process is given.

    Raises:
        OrchestrationError: ``orchestration.definition``: the definition cannot be imported here.
        UsageError: ``usage.params``: the variable of a secret parameter is missing here.
    """
    spec: RunSpec
    spec, packed_params = _load_part(packed_spec)
    definition = spec.load_definition()
    if definition.parameters:
        params = restore_secrets(definition.parameters, *_load_part(packed_params))
        spec = replace(spec, params=params)
    if spec.write_lock and not is_run_folder(spec.write_lock.parent):
        # A worker of another machine or user: SQLite's own lock is the only one it shares with the others.
        spec = replace(spec, write_lock=None)
    return JobLoop(spec, definition.select_jobs(spec.start_from, spec.stop_after))


def dump_inputs(inputs: Sequence[RunInput]) -> bytes:
    """Pickle inputs, each on its own; one that cannot be pickled becomes a refusal of that input."""
    return pickle.dumps([(each.label, _dump_input(each)) for each in inputs])


def load_inputs(packed: bytes) -> list[RunInput]:
    """Return the inputs that another process has pickled; one that cannot be unpickled here is refused."""
    return [_load_input(label, data) for label, data in pickle.loads(packed)]  # noqa: S301  # as above


def dump_results(results: list[RunResult]) -> bytes:
    """Pickle results so that another process can read them, whatever the jobs returned or raised."""
    return pickle.dumps([replace(each, jobs=tuple(map(_pack_result, each.jobs))) for each in results])


def load_results(packed: bytes) -> list[RunResult]:
    """Return the results that another process has pickled.

    An output that could not be sent is an `UnsentOutput`, with a warning in the log.
    """
    results: list[RunResult] = pickle.loads(packed)  # noqa: S301  # from a worker of ours
    return [
        replace(each, jobs=tuple(_unpack_result(job, each.input) for job in each.jobs)) for each in results
    ]


def _dump(value: object) -> bytes:
    """Pickle a value, with the functions and classes of a script."""
    import cloudpickle  # noqa: PLC0415  # 0.03 s to import, for runs in several processes only

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def reducer_override(self, obj: object) -> object:
            if getattr(obj, "__module__", "") == "__main__" or type(obj).__module__ == "msgspec":
                from pipeline_jobs.record_classes.struct_pickling import reduce_struct  # noqa: PLC0415  # as above

                if reduced := reduce_struct(obj):
                    return reduced
            return super().reducer_override(obj)

    stream = BytesIO()
    Pickler(stream).dump(value)
    return stream.getvalue()


def _load_part(packed: bytes) -> Any:  # noqa: ANN401  # a part of the description of a run
    try:
        return pickle.loads(packed)  # noqa: S301  # from the process that hands out the groups
    except Exception as error:  # unpickling calls the user's code
        raise _make_definition_error(error) from error


def _dump_input(run_input: RunInput) -> bytes:
    try:
        return _dump(run_input)
    except Exception as error:  # noqa: BLE001  # pickling calls the user's code
        kind = type(run_input.value).__name__
        text = f"a value of type {kind} cannot be sent to another process: {error}"
        return pickle.dumps(replace(run_input, value=None, refusal=InputError("input.type", text)))


def _load_input(label: str, data: bytes) -> RunInput:
    try:
        run_input: RunInput = pickle.loads(data)  # noqa: S301  # from the process that hands out the groups
    except Exception as error:  # noqa: BLE001  # unpickling calls the user's code
        text = f"a value cannot be received by another process: {type(error).__name__}: {error}"
        return RunInput(None, label, InputError("input.type", text))
    return run_input


@dataclass(frozen=True, slots=True)
class _Packed:
    """A value, pickled by itself, and what stands for it where it cannot be unpickled."""

    data: bytes
    fallback: PipelineError | UnsentOutput


def _pack_result(result: JobResult[Any]) -> JobResult[Any]:
    output, failure = result.output, result.exception
    if failure is not None:
        plain = PipelineError(str(result.code), str(result.error), retriable=result.retriable)
        try:
            data = _dump_value(failure)
            pickle.loads(data)  # noqa: S301  # our own: some exceptions can be pickled, but not be made again
        except Exception:  # noqa: BLE001  # pickling calls the user's code
            return replace(result, exception=plain)
        return replace(result, exception=_Packed(data, plain))  # type: ignore[arg-type]  # until it is unpacked
    if type(output) in _PLAIN:
        return result
    kind = type(output).__name__
    try:
        output = _Packed(_dump_value(output), UnsentOutput(kind, "it cannot be unpickled"))
    except Exception as error:  # noqa: BLE001  # pickling calls the user's code
        output = UnsentOutput(kind, f"{type(error).__name__}: {error}")
    return replace(result, output=output)


def _unpack_result(result: JobResult[Any], label: str) -> JobResult[Any]:
    output, failure = _unpack(result.output), _unpack(result.exception)
    if isinstance(output, UnsentOutput):
        _log.warning("%s %s: the result holds no output: %s", result.job, label, output)
    return replace(result, output=output, exception=failure)


def _unpack(value: object) -> Any:  # noqa: ANN401  # an output or an exception
    if not isinstance(value, _Packed):
        return value
    try:
        return pickle.loads(value.data)  # noqa: S301  # from a worker of ours
    except Exception:  # noqa: BLE001  # unpickling calls the user's code
        return value.fallback


def _dump_value(value: object) -> bytes:
    with suppress(Exception):  # pickling calls the user's code
        return pickle.dumps(value)
    import cloudpickle  # noqa: PLC0415  # see above

    # It sends a class of the user's script along, and recognizes its own: what comes back is an instance of
    # the class that the script has.
    return bytes(cloudpickle.dumps(value))


def _make_definition_error(error: Exception) -> OrchestrationError:
    reason = str(error) if isinstance(error, PipelineError) else f"{type(error).__name__}: {error}"
    text = f"the pipeline cannot be sent to another process: {reason}"
    hint = "name it by an address that can be imported there, or use --concurrency 1"
    return OrchestrationError("orchestration.definition", f"{text}; {hint}")
