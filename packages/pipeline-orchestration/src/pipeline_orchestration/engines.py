"""The engines: each runs what is asked of it over inputs, and gives a result for each."""

import logging
import sys
import uuid
from collections.abc import Sequence
from functools import partial

from . import local
from .choice import EngineChoice
from .context import RunContext
from .groups import MANY, pays
from .importing import import_prefect
from .limits import limited
from .logs import at_level
from .names import EngineName
from .request import Request
from .result import RunResult
from .sequence import run_all
from .work import Work

_log = logging.getLogger(__name__)


def make_ready(choice: EngineChoice) -> EngineName:
    """Return the engine that was chosen, after saying why it was and importing what it takes.

    Raises:
        OrchestrationError: Prefect cannot be imported.
    """
    _log.info("engine %s: %s", choice.engine, choice.reason)
    if choice.engine is EngineName.PREFECT:
        if choice.temporary and "prefect" not in sys.modules:
            # The server imports as much as we are about to, and more: both take their seconds at once.
            from .on_prefect.temporary_server import VARIABLES, temporary_server  # noqa: PLC0415  # 20 ms to import

            temporary_server.begin(VARIABLES)
        import_prefect()
    return choice.engine


def run_on(engine: EngineName, request: Request, inputs: Sequence[str]) -> list[RunResult]:
    """Run inputs on an engine that was made ready, and return a result for each, in their order.

    Args:
        engine: by its name.
        request: what is asked for.
        inputs: as `crossed` gives them.
    """
    if not inputs:
        return []
    if engine is EngineName.PREFECT:
        from .on_prefect.starting import run_on_prefect  # noqa: PLC0415  # see `import_prefect`

        with at_level(request.config.log_level):  # its import has set up logging anew
            return run_on_prefect(request, inputs)
    if request.config.concurrency > 1 and pays(request.sent, inputs):
        return _in_processes(request, inputs)
    return _in_turn(request, inputs)


def _in_turn(request: Request, inputs: Sequence[str]) -> list[RunResult]:
    context = RunContext(request.config, str(uuid.uuid4()), request.progress, quiet=len(inputs) > MANY)
    results = []
    with limited(request.specs) as slot:
        execute = partial(local.execute, slot=slot)
        for result in run_all(request.specs, inputs, context, EngineName.LOCAL, execute):
            results.append(result)
            request.tell(result)
    return results


def _in_processes(request: Request, inputs: Sequence[str]) -> list[RunResult]:
    from .workers import run_in_processes  # noqa: PLC0415  # 0.1 s to import, for runs of many processes alone

    work = Work(
        pipeline=request.sent,
        name=request.definition.name,
        start_from=request.start_from,
        stop_after=request.stop_after,
        config=request.config,
        run_id=str(uuid.uuid4()),
        engine=EngineName.LOCAL,
        quiet=len(inputs) > MANY,
    )
    return run_in_processes(work, inputs, request.tell)
