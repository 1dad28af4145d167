"""Retries, timeouts and concurrency limits of jobs, on both engines."""

import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest

from pipeline_jobs import PipelineError
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import JobSpec, PipelineDefinition, make_job_task
from pipeline_orchestration.execution.concurrency_limits import FileLimiter, open_limiter, unlimited

BUSY = PipelineError("database.busy", "it is in use", retriable=True)


class Slow(FailingJob):
    """Sleeps in its first attempts, then returns."""

    def __init__(self, slow_attempts):
        super().__init__(ValueError())
        self.slow_attempts = slow_attempts

    def single_job(self, value):
        self.attempts += 1
        self.counts["begun"] += 1
        if self.attempts <= self.slow_attempts:
            time.sleep(20)
        return value


def test_a_timeout_fails_its_input_and_the_others_go_on(runner):
    jobs = iter([Slow(1), Slow(0)])
    pipeline = PipelineDefinition("slow").add_job("work", lambda _: next(jobs), timeout_seconds=0.5)

    first, second = runner(pipeline=pipeline, log_level="OFF").run_many(["one", "two"])

    assert ("job.timeout", True, {"begun": 1}) == (first.code, first.last.retriable, first.last.counts)
    assert "took longer than 0.5 s; raise timeout_seconds, or find out what the job waits for" == first.error
    assert second.success


def test_a_timeout_is_retried(runner):
    job = Slow(2)
    pipeline = PipelineDefinition("slow").add_job(
        "work", lambda _: job, retries=2, retry_delay_seconds=[0.01], timeout_seconds=0.5
    )

    result = runner(pipeline=pipeline).run("one")

    assert (True, 3) == (result.success, job.attempts)


def test_a_timeout_does_not_carry_over_to_the_next_job(runner):
    pipeline = (
        PipelineDefinition("two")
        .add_job("first", lambda _: Slow(0), timeout_seconds=0.3)
        .add_job("second", lambda _: Pausing())
    )

    assert runner(pipeline=pipeline).run("one").success


class Pausing(FailingJob):
    """Takes longer than the timeout of the job before."""

    def __init__(self):
        super().__init__(ValueError(), 0)

    def single_job(self, value):
        time.sleep(0.6)
        return value


@pytest.mark.usefixtures("prefect_server")
def test_a_task_has_the_retries_of_its_job():
    spec = JobSpec("work", lambda _: None, 3, (1.0, 5.0), 0.5, 7.0)

    task = make_job_task(spec, "Loads documents.")

    assert (3, [1.0, 5.0, 5.0], 0.5) == (task.retries, task.retry_delay_seconds, task.retry_jitter_factor)
    assert ("work", "Loads documents.") == (task.name, task.description)
    # For each run of a task with tags, Prefect asks the server for slots of these tags.
    assert set() == task.tags
    # A timeout of Prefect's would lose the counts of the job, and would include the wait for a slot.
    assert task.timeout_seconds is None


# The job holds its slot for a while, and writes when it started and ended.
LIMITED = """
import sys, time
from pathlib import Path
from pipeline_jobs.testing import FailingJob
from pipeline_orchestration import PipelineDefinition, PipelineRunner

class Timed(FailingJob):
    def single_job(self, value):
        start = time.monotonic()
        time.sleep(0.5)
        Path(f"span-{value}").write_text(f"[{start}, {time.monotonic()}]")
        return value

pipeline = PipelineDefinition("of/many").add_job(
    "work", lambda _: Timed(ValueError()), concurrency_limit=1, timeout_seconds=2
)
if __name__ == "__main__":
    result = PipelineRunner(pipeline=pipeline, engine="prefect", log_level="WARNING").run(sys.argv[1])
    print(result.error)
"""


def test_on_prefect_a_limit_holds_across_runs(folder, prefect_server):
    """The timeout does not include the wait for a slot."""
    from prefect.client.orchestration import get_client

    (folder / "limited.py").write_text(LIMITED)
    environment = {**os.environ, "PREFECT_API_URL": prefect_server}
    runs = [
        subprocess.Popen(
            [sys.executable, "limited.py", f"limited{number}"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    printed = [run.communicate()[0] for run in runs]
    spans = sorted(json.loads(file.read_text()) for file in folder.glob("span-*"))
    with get_client(sync_client=True) as client:
        limits = {limit.name: limit.limit for limit in client.read_global_concurrency_limits(limit=100)}

    assert ["None\n"] * 3 == printed
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert 1 == limits["pipeline:of_many:work:f649571d"]


def test_a_changed_limit_takes_effect(runner, engine):
    for limit in (1, 3):
        pipeline = PipelineDefinition("changed").add_job(
            "work #1?", lambda _: Slow(0), concurrency_limit=limit
        )
        assert runner(pipeline=pipeline).run("one").success
    if engine == "prefect":
        from prefect.client.orchestration import get_client

        from pipeline_orchestration.engines.prefect.concurrency import make_limit_name

        with get_client(sync_client=True) as client:
            assert (
                3
                == client.read_global_concurrency_limit_by_name(make_limit_name("changed", "work #1?")).limit
            )


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    ("pipeline", "job", "name"),
    [
        ("text", "B", "pipeline:text:B"),
        ("text files", "lädt.1-2", "pipeline:text files:lädt.1-2"),
        ("a/b", "c?", "pipeline:a_b:c_:7aca7cea"),
        ("a:b", "c", "pipeline:a_b:c:9ed30087"),
        ("a", "b:c", "pipeline:a:b_c:0e7b5d0b"),
    ],
)
def test_the_name_of_a_limit_is_valid_on_prefect_and_unique(pipeline, job, name):
    from pipeline_orchestration.engines.prefect.concurrency import make_limit_name

    assert name == make_limit_name(pipeline, job)


def test_locally_a_run_without_limits_has_no_limiter_folder():
    with open_limiter([JobSpec("A", lambda _: None)]) as limiter:
        assert unlimited is limiter


def test_locally_a_run_with_limits_has_a_folder_of_its_own_until_it_ends():
    spec = JobSpec("a/b", lambda _: None, concurrency_limit=2)
    with open_limiter([spec]) as limiter, limiter(spec), limiter(spec):
        assert isinstance(limiter, FileLimiter)
        assert 3 == len(list(limiter.folder.iterdir()))

    assert not limiter.folder.exists()
