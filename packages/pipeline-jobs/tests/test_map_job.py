"""MapJob: rows of a document become rows of the next; line numbers, rejects and sums are passed on."""

import json
from dataclasses import dataclass
from decimal import Decimal

import msgspec
import pydantic
import pytest

from pipeline_jobs import Csv, JobA, MapJob, RejectRow
from pipeline_jobs.testing import JobContract


class Order(msgspec.Struct):
    id: int
    amount: Decimal
    note: str | None = None


class Net(pydantic.BaseModel):
    id: int
    net: float


@dataclass
class Length:
    number: int


class MakeNet(MapJob[Order, Net]):
    """Keeps orders with an amount."""

    def row(self, row):
        assert isinstance(row, Order)
        if row.amount < 0:
            raise RejectRow("amount", "less than nothing")
        if row.amount == 13:
            return Net(id=row.id, net=float("inf"))
        return Net(id=row.id, net=float(row.amount) / 2) if row.amount else None


class MeasureLine(MapJob[str, Length]):
    """Takes lines of text."""

    def row(self, row):
        return Length(len(row))


ORDERS = "id,amount,note\n1,3,x\n2,0,\n\n3,-1,\nx,1,\n4,13,\n5,1,\n"


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return JobA(tmp_path / "out", reader=Csv(), record=Order, max_rejects=1).execute(path).unwrap()


class TestMapJob(JobContract):
    """The contract of every job."""

    bad = "no such file"

    @pytest.fixture(autouse=True)
    def _set_up(self, document, tmp_path):
        self.good, self.out = document, tmp_path / "out"

    def build(self):
        return MakeNet(self.out, "90%")


def test_rows_are_mapped_dropped_or_rejected(document, tmp_path):
    result = MakeNet(tmp_path / "out", max_rejects=3).execute(document)

    known = json.loads(result.unwrap().read_bytes())
    assert "orders_MakeNet.json" == result.output.name
    assert json.loads(document.read_bytes())["source"] == known["source"]
    assert [(2, [1, 1.5]), (8, [5, 0.5])] == [
        (row["line_number"], row["content"]) for row in known["records"] if "content" in row
    ]
    rejects = [(row["line_number"], row["reject"]) for row in known["records"] if "reject" in row]
    assert [(5, "MakeNet", "amount"), (6, "JobA", "id"), (7, "MakeNet", "net")] == [
        (number, reject["job"], reject["column"]) for number, reject in rejects
    ]
    assert ("less than nothing", '{"id":3,"amount":"-1","note":null}') == (
        rejects[0][1]["reason"],
        rejects[0][1]["raw"],
    )
    sums = [known[name] for name in ("read", "record_count", "rejected", "blank", "dropped")]
    assert [7, 2, 3, 1, 1] == sums
    assert {"records": 2, "rejected": 2, "dropped": 1} == result.counts


def test_the_limit_counts_the_rejects_of_earlier_jobs_too(document, tmp_path):
    result = MakeNet(tmp_path / "out", max_rejects=2).execute(document)

    assert "input.rejects" == result.code
    assert "3 of 6 rows do not fit, 2 allowed: line 5, amount: less than nothing (rule)" in result.error
    assert not (tmp_path / "out" / "orders_MakeNet.json").exists()


def test_a_job_without_rejects_of_its_own_does_not_decide_again(document, tmp_path):
    class Copy(MapJob[Order, Order]):
        def row(self, row):
            return row

    result = Copy(tmp_path / "out").execute(document)

    assert {"records": 5, "rejected": 0, "dropped": 0} == result.counts


def test_lines_of_text_are_rows_too(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("one\n\nthree\n")
    document = JobA(tmp_path / "out").execute(path).unwrap()

    known = json.loads(MeasureLine(tmp_path / "out").execute(document).unwrap().read_bytes())

    assert [(1, [3]), (3, [5])] == [(row["line_number"], row["content"]) for row in known["records"]]
    assert "x.txt" == known["source"]["name"]


def test_another_document_is_refused(document, tmp_path):
    assert "holds rows of id, amount, note, and MeasureLine takes lines of text" in (
        MeasureLine(tmp_path / "out").execute(document).error
    )
    path = tmp_path / "x.txt"
    path.write_text("one\n")
    lines = JobA(tmp_path / "out").execute(path).unwrap()
    result = MakeNet(tmp_path / "out").execute(lines)
    assert "input.columns" == result.code
    assert "holds lines of text, and MakeNet takes rows of id, amount, note" in result.error


def test_a_bug_shows_its_line_and_that_of_the_row(document, tmp_path):
    class Buggy(MapJob[Order, Net]):
        def row(self, row):
            return Net(id=1 // (row.id - 5), net=1)

    result = Buggy(tmp_path / "out").execute(document)

    assert isinstance(result.exception, ZeroDivisionError)
    assert ["in the row of line 8"] == result.exception.__notes__


def test_another_class_of_row_is_refused(document, tmp_path):
    class Wrong(MapJob[Order, Net]):
        def row(self, row):
            return row

    result = Wrong(tmp_path / "out").execute(document)

    assert ("job.output", "row() returned a Order; expected a Net or None") == (result.code, result.error)


def test_the_classes_of_the_rows_must_be_named(tmp_path):
    class Unnamed(MapJob):
        def row(self, row):
            return row

    with pytest.raises(TypeError, match="name the classes of the rows"):
        Unnamed(tmp_path)


def test_progress_is_reported(document, tmp_path):
    calls = []
    job = MakeNet(tmp_path / "out", max_rejects="100%")
    job.progress = lambda *numbers: calls.append(numbers)

    job.execute(document)

    size = document.stat().st_size
    assert all(0 < done <= size == total for done, total, _ in calls)
    assert 2 == calls[-1][2]


class Cents(msgspec.Struct, tag="cents", rename="camel"):
    in_cents: int

    def __post_init__(self):
        self.in_cents *= 100


@dataclass
class CentsData:
    in_cents: int

    def __post_init__(self):
        self.in_cents *= 100


class CentsModel(pydantic.BaseModel):
    in_cents: int = pydantic.Field(lt=1000, alias="inCents")

    @pydantic.field_validator("in_cents", mode="after")
    @classmethod
    def multiply(cls, value):
        return value * 100


@pytest.mark.parametrize("kind", [Cents, CentsData, CentsModel])
def test_the_code_of_a_record_class_runs_once_for_a_row(tmp_path, kind):
    """By job A; it may change the value, and refuse what it has made of it."""

    class Pass(MapJob[kind, kind]):
        def row(self, row):
            assert isinstance(row, kind)
            return row

    path = tmp_path / "x.csv"
    path.write_text("inCents\n5\n" if kind is not CentsData else "in_cents\n5\n")

    document = JobA(tmp_path / "out", reader=Csv(), record=kind).execute(path).unwrap()
    mapped = Pass(tmp_path / "out").execute(document).unwrap()

    for each in (document, mapped):
        assert [[500]] == [row["content"] for row in json.loads(each.read_bytes())["records"]]


def test_a_long_name_of_a_job_is_cut_in_that_of_its_document(document, tmp_path):
    job = MakeNet(tmp_path / "out", max_rejects=3)
    job.name = 240 * "x"

    assert f"orders_{20 * 'x'}.json" == job.execute(document).unwrap().name


class Wide(Net):
    more: int = 1


def test_of_a_subclass_only_the_columns_are_taken(document, tmp_path):
    class MakeWide(MapJob[Order, Net]):
        def row(self, row):
            return Wide(id=row.id, net=1)

    known = json.loads(MakeWide(tmp_path / "out").execute(document).unwrap().read_bytes())

    assert [1, 1.0] == known["records"][0]["content"]
