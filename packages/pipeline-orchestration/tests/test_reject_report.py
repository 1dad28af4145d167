"""Report of the rejected rows of a run."""

from typing import NamedTuple

import pytest

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import BatchId, JobResult
from pipeline_orchestration import PipelineConfig, RunResult
from pipeline_orchestration.engines.prefect import reject_report
from pipeline_orchestration.engines.prefect.reject_report import describe_rejects
from pipeline_orchestration.execution.run_spec import RunSpec


class Rejected(NamedTuple):
    job: str
    kind: str
    column: str | None
    raw: str = "secret"
    reason: str = "secret"


@pytest.fixture
def spec(folder):
    return RunSpec(pipeline="x.py:pipeline", config=PipelineConfig(db_path="p.db"))


@pytest.fixture
def rejects(monkeypatch):
    """The rejects of each batch, as the store returns them."""
    rejects = {}
    monkeypatch.setattr(PeeweeStore, "rejects", lambda _, batch: iter(rejects[batch]), raising=False)
    return rejects


def make_result(batch, rejected):
    counts = {"read": 10, "records": 10 - rejected, "rejected": rejected, "blank": 0, "dropped": 0}
    return RunResult("x.csv", "prefect", (JobResult("B", BatchId(batch), counts=counts),))


def test_rejects_of_a_batch_are_counted_by_reason_without_their_data(spec, rejects, folder):
    rejects[7] = [Rejected("A", "type", "amount"), Rejected("A", "columns", None)]
    rejects[7] += [Rejected("A", "type", "amount"), Rejected("check", "rule", "a|`b")]

    assert (
        "# 4 rows rejected\n\n"
        "In batch 7.\n\n"
        "| rows | job | kind | column |\n"
        "|---:|---|---|---|\n"
        "| 2 | `A` | `type` | `amount` |\n"
        "| 1 | `A` | `columns` |  |\n"
        "| 1 | `check` | `rule` | `` a\\|`b `` |\n\n"
        "To see the rows, run this on the same machine:\n\n"
        f"```bash\ncd {folder}\npipeline --db-path {folder}/p.db rejects 7\n```"
    ) == describe_rejects(spec, [make_result(7, 4)])


def test_rejects_of_several_batches_are_counted_together(spec, rejects):
    rejects |= {1: [Rejected("A", "nul", None)], 2: [Rejected("A", "nul", None)] * 2}

    report = describe_rejects(spec, [make_result(1, 1), make_result(3, 0), make_result(2, 2)])

    assert report.startswith("# 3 rows rejected\n\nIn batches 1, 2.\n\n| rows |")
    assert "| 3 | `A` | `nul` |  |" in report
    assert "p.db rejects BATCH\n" in report


def test_report_of_many_rejects_is_bounded(spec, rejects, monkeypatch):
    monkeypatch.setattr(reject_report, "_MOST_COUNTED", 1000)
    rejects[1] = [Rejected("A", "rule", f"column {n}") for n in range(100)] * 50

    report = describe_rejects(spec, [make_result(1, 5000)])

    assert "# 5,000 rows rejected\n\nIn batch 1.\n\nThe first 1,000 of them are counted here.\n" in report
    assert "| 10 | `A` | `rule` | `column 0` |" in report
    assert "… and 50 more reasons." in report


def test_there_is_no_report_without_rejects(spec, rejects):
    lines = RunResult("x.txt", "prefect", (JobResult("B", BatchId(1), counts={"records": 1}),))

    assert describe_rejects(spec, [lines, make_result(2, 0)]) is None


def test_there_is_no_report_if_the_database_is_away(spec, monkeypatch):
    """The run is done, and what it came to does not depend on its report."""

    def fail(*_):
        raise DatabaseError("database.unavailable", "it is away")

    monkeypatch.setattr(PeeweeStore, "rejects", fail, raising=False)

    assert describe_rejects(spec, [make_result(1, 1)]) is None
