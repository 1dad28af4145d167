"""Runs pipelines in processes forked from this one, as its standard input asks: one JSON request a line.

A child may be killed in the middle, at the nth of the moments at which something is read, made or done.
"""

import json
import os
import signal
import sys
from contextlib import suppress

from pipeline_db import PeeweeStore  # noqa: F401  # likewise
from pipeline_jobs import base, compression, handwritten, reading, strict_json
from pipeline_orchestration import PipelineRunner
from pipeline_orchestration.engines import local  # noqa: F401  # imported before there are children


def main():
    for line in sys.stdin:
        request = json.loads(line)
        waits, told = os.pipe()
        if not (child := os.fork()):
            os.close(waits)
            with suppress(BaseException):
                run(request, told)
            os._exit(1)
        os.close(told)
        with os.fdopen(waits, encoding="ascii") as stream:
            events = [json.loads(each) for each in stream]
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"events": events, "exit": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def run(request, told):
    """Run what is asked for, and tell of each job that ended; do not come back."""
    moments = 0

    def tell(**event):
        os.write(told, f"{json.dumps(event)}\n".encode())

    def moment(*_):
        nonlocal moments
        moments += 1
        if moments == request["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    for module in (compression, reading, strict_json):
        module.BLOCK = 4
    for module in (handwritten, reading):
        module.CHUNK = 2
    execute = base.BaseJob.execute

    def executed(self, value):
        result = execute(self, value)
        if self.name and not type(self).__name__.startswith("_"):  # not what builds a job
            tell(job=self.name, success=result.success)
            moment()
        return result

    base.BaseJob.execute = executed
    os.chdir(request["folder"])
    runner = PipelineRunner(engine="local", log_level="OFF", **request["settings"])
    (result,) = runner.run_many([request["value"]], request["start"], request["stop"], progress=moment)
    tell(code=result.code, batch_id=result.batch_id, duplicate=result.duplicate)
    os._exit(0)


if __name__ == "__main__":
    main()
