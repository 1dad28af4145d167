"""A process that forks a child for each run: it reads requests from standard input, one JSON object a line.

A request may ask that the child kills itself at its nth report of progress.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from pipeline_db import PeeweeStore  # noqa: F401  # imported before there are children
from pipeline_jobs import base
from pipeline_jobs.documents import handwritten, pieces, strict_json
from pipeline_jobs.storage import content
from pipeline_orchestration import PipelineRunner
from pipeline_orchestration.engines import dispatch  # noqa: F401  # imported before there are children

sys.path.append(str(Path(__file__).parents[1] / "faults"))
from orders_pipeline import orders
from own_jobs import make_parsing


def main():
    for line in sys.stdin:
        request = json.loads(line)
        reader_end, writer_end = os.pipe()
        if not (child := os.fork()):
            os.close(reader_end)
            with suppress(BaseException):
                run(request, writer_end)
            os._exit(1)
        os.close(writer_end)
        with os.fdopen(reader_end, encoding="ascii") as stream:
            events = [json.loads(each) for each in stream]
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"events": events, "exit": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def run(request, writer_end):
    """Run the pipeline, report each job that ended, and end this process."""
    steps = 0

    def report(**event):
        os.write(writer_end, f"{json.dumps(event)}\n".encode())

    def count_step(*_):
        nonlocal steps
        steps += 1
        if steps == request["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    for module in (content, pieces, strict_json):
        module.BLOCK = 4
    handwritten.CHUNK = 2
    execute = base.BaseJob.execute

    def execute_and_report(self, value):
        result = execute(self, value)
        if self.name and not type(self).__name__.startswith("_"):  # not a job that builds another
            report(job=self.name, success=result.success)
            count_step()
        return result

    base.BaseJob.execute = execute_and_report
    os.chdir(request["folder"])
    pipeline = make_parsing(request["behaviour"]) if request["behaviour"] else None
    if "max_rejects" in request["settings"]:
        pipeline = orders
    runner = PipelineRunner(pipeline=pipeline, engine="local", log_level="OFF", **request["settings"])
    (result,) = runner.run_many([request["value"]], request["start"], request["stop"], progress=count_step)
    report(code=result.code, batch_id=result.batch_id, duplicate=result.duplicate)
    os._exit(0)


if __name__ == "__main__":
    main()
