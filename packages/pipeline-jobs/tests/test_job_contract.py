"""The contract that is shipped for job authors finds who breaks it."""

import pytest

from pipeline_jobs import BaseJob, InputError
from pipeline_jobs.testing import FailingJob, JobContract


class Good(BaseJob[str, str]):
    def validate_input(self, value):
        if not isinstance(value, str):
            raise InputError("input.type", "expected text")
        return value

    def single_job(self, value):
        self.counts["seen"] += 1
        return value


class Careless(Good):
    """Asserts what it should refuse."""

    def validate_input(self, value):
        if not isinstance(value, str):
            raise TypeError("expected text")
        return value


class Remembering(Good):
    """Counts on from where it was."""

    seen = 0

    def single_job(self, value):
        self.seen += 1
        self.counts["seen"] = self.seen
        return value


class Unsendable(Good):
    """Returns what no other process can have."""

    def single_job(self, value):
        return lambda: value


TESTS = [name for name in vars(JobContract) if name.startswith("test_")]


def broken_by(job):
    class Contract(JobContract):
        good = "text"
        bad = None

        def build(self):
            return job()

    broken = []
    for name in TESTS:
        try:
            getattr(Contract(), name)()
        except Exception:  # noqa: BLE001  # whichever way a test fails
            broken.append(name)
    return broken


@pytest.mark.parametrize(
    ("job", "broken"),
    [
        (Good, []),
        (Careless, ["test_bad_input_is_returned_not_raised"]),
        (Remembering, ["test_counts_are_fresh_for_each_run"]),
        (Unsendable, ["test_results_survive_pickling"]),
        (lambda: FailingJob(InputError("input.some", "no")), ["test_good_input_succeeds"]),
    ],
)
def test_the_contract_finds_who_breaks_it(job, broken):
    assert broken == broken_by(job)


def test_a_contract_must_say_how_its_job_is_built():
    with pytest.raises(NotImplementedError):
        JobContract().build()
