"""The scheduler, with workers that the tests lose."""

from concurrent.futures import Future

import pytest

from pipeline_jobs import OutputError
from pipeline_orchestration import OrchestrationError, RunResult
from pipeline_orchestration.execution.scheduler import Scheduler, WorkerLostError
from pipeline_orchestration.inputs import RunInput


class Workers:
    """Runs groups at once; the inputs at some positions lose the worker, or fail."""

    def __init__(self, inputs, *, lost=(), failing=None):
        self.inputs = inputs
        self.lost = set(lost)
        self.failing = failing or {}
        self.submitted = []

    def submit(self, group):
        self.submitted.append(group)
        future = Future()
        future.set_result(group)
        return future

    def collect(self, future):
        group = future.result()
        if self.lost & set(group):
            raise WorkerLostError("killed")
        return [
            RunResult(self.inputs[position].label, "test", exception=self.failing.get(position))
            for position in group
        ]


@pytest.fixture
def schedule():
    def run(groups, *, lost=(), failing=None, stop_on_loss=False, **limits):
        count = sum(map(len, groups))
        inputs = [RunInput.parse(str(number)) for number in range(count)]
        workers = Workers(inputs, lost=lost, failing=failing)
        scheduler = Scheduler(inputs, groups, "test", **limits)
        results = {}
        while scheduler.has_waiting:
            for position, result in scheduler.run(workers.submit, workers.collect, stop_on_loss=stop_on_loss):
                assert position not in results
                results[position] = result
        return workers.submitted, {position: results[position].code for position in range(count)}

    return run


def test_every_input_has_one_result(schedule):
    submitted, codes = schedule([[0, 1], [2], [3, 4]], capacity=2)

    assert [[0, 1], [2], [3, 4]] == submitted
    assert {None} == set(codes.values())


@pytest.mark.parametrize("stop_on_loss", [False, True])
def test_the_inputs_of_a_lost_group_are_retried_one_by_one(schedule, stop_on_loss):
    submitted, codes = schedule([[0, 1, 2], [3]], lost={1}, stop_on_loss=stop_on_loss)

    assert [[0, 1, 2], [0], [1], [2], [3]] == submitted
    assert {0: None, 1: "orchestration.worker_lost", 2: None, 3: None} == codes


def test_an_input_may_be_lost_more_than_once_before_it_fails(schedule):
    submitted, codes = schedule([[0], [1]], lost={0}, max_losses=3)

    assert [[0], [0], [0], [1]] == submitted
    assert "orchestration.worker_lost" == codes[0]


def test_lost_inputs_run_alone_where_a_crash_breaks_all_workers(schedule):
    submitted, _ = schedule([[0, 1], [2], [3]], lost={1}, capacity=3, max_losses=2, isolate_retries=True)

    assert [[0, 1], [2], [3], [0], [1]] == submitted


def test_after_many_losses_in_a_row_the_rest_is_skipped(schedule):
    submitted, codes = schedule([[number] for number in range(20)], lost=range(20))

    assert "orchestration.failed" == codes[8]
    assert {"orchestration.not_run"} == {codes[position] for position in range(9, 20)}
    assert 9 == len(submitted)


def test_a_failure_that_concerns_all_inputs_skips_the_waiting_ones(schedule):
    full = OutputError("output.no_space", "the disk is full")
    submitted, codes = schedule([[0], [1], [2]], failing={0: full})

    assert [[0]] == submitted
    assert ["output.no_space", "orchestration.not_run", "orchestration.not_run"] == list(codes.values())


def test_a_worker_that_cannot_run_a_group_fails_its_inputs(schedule):
    inputs = [RunInput.parse("x"), RunInput.parse("y")]

    def collect(_future):
        raise OrchestrationError("orchestration.definition", "it cannot be imported")

    scheduler = Scheduler(inputs, [[0], [1]], "test")
    results = dict(scheduler.run(Workers(inputs).submit, collect))

    assert ["orchestration.definition", "orchestration.not_run"] == [results[0].code, results[1].code]


def test_in_turn_each_result_is_known_before_the_next_input_begins():
    inputs = [RunInput.parse("x"), RunInput.parse("y")]
    events = []

    def run_input(run_input):
        events.append(("run", run_input.label))
        return RunResult(run_input.label, "test")

    for position, _ in Scheduler(inputs, [[0], [1]], "test").run_in_turn(run_input):
        events.append(("result", position))

    assert [("run", "x"), ("result", 0), ("run", "y"), ("result", 1)] == events
