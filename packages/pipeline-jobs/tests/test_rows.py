"""Job A with readers and record classes: typed rows, rejects and sums, with any library of record classes."""

import enum
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
import pydantic
import pytest
from pydantic_core import PydanticCustomError

from pipeline_jobs import Csv, InputError, JobA, JsonLines, Lines, Reject, RejectKind
from pipeline_jobs.documents.row_reader import find_row_document
from pipeline_jobs.storage.input import open_input
from pipeline_jobs.testing import JobContract


class Order(msgspec.Struct):
    id: int
    customer: Annotated[str, msgspec.Meta(max_length=10)]
    amount: Decimal
    placed_at: datetime
    share: float | None = None


class OrderModel(pydantic.BaseModel):
    id: int
    customer: str = pydantic.Field(max_length=10)
    amount: Decimal
    placed_at: datetime
    share: float | None = None


@dataclass
class OrderData:
    id: int
    customer: Annotated[str, msgspec.Meta(max_length=10)]
    amount: Decimal
    placed_at: datetime
    share: float | None = None


CLASSES = [Order, OrderModel, OrderData]
HEADER = "id,customer,amount,placed_at,share\n"
GOOD = '1,"a\nb",12.50,2026-11-30T08:00:00,0.5\n'


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="orders.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


@pytest.fixture
def run(tmp_path):
    def run_job(path, **arguments):
        result = JobA(tmp_path / "out", **{"reader": Csv()} | arguments).execute(path)
        return result, json.loads(result.unwrap().read_bytes())

    return run_job


def list_contents(document):
    return [row["content"] for row in document["records"] if "content" in row]


def list_rejects(document):
    return [
        (row["line_number"], row["reject"]["kind"], row["reject"]["column"])
        for row in document["records"]
        if "reject" in row
    ]


def get_sums(document):
    return tuple(document[name] for name in ("read", "record_count", "rejected", "blank", "dropped"))


class TestJobAWithRows(JobContract):
    """The contract of every job holds for job A with a reader and a record class."""

    @pytest.fixture(autouse=True)
    def _set_up(self, write, tmp_path):
        self.good = write(HEADER + GOOD)
        self.bad = write(HEADER + "x,y\n", "bad.csv")
        self.out = tmp_path / "out"

    def build(self):
        return JobA(self.out, reader=Csv(), record=Order)


@pytest.mark.parametrize("kind", CLASSES)
def test_rows_become_typed_records_in_the_same_form_for_every_library(write, run, kind):
    result, document = run(write(HEADER + GOOD + "\n2,c,-3,2026-11-30 08:00:00+02:00,\n"), record=kind)

    assert [
        [1, "a\nb", "12.50", "2026-11-30T08:00:00", 0.5],
        [2, "c", "-3", "2026-11-30T08:00:00+02:00", None],
    ] == list_contents(document)
    assert (2, kind.__name__) == (document["version"], document["schema"]["name"])
    assert ["id", "customer", "amount", "placed_at", "share"] == document["schema"]["columns"]
    assert (3, 2, 0, 1, 0) == get_sums(document)
    assert {"lines": 3, "records": 2, "blank": 1, "rejected": 0} == result.counts


@pytest.mark.parametrize("kind", CLASSES)
def test_rows_that_do_not_fit_are_rejects_by_line_and_column(write, run, kind):
    bad = [
        ("x,c,1,2026-11-30T08:00:00,", "type", "id"),
        ("1,,1,2026-11-30T08:00:00,", "type", "customer"),
        ("1,c,one,2026-11-30T08:00:00,", "type", "amount"),
        ("1,c,1,yesterday,", "type", "placed_at"),
        ("1,c,1,2026-11-30T08:00:00,inf", "rule", "share"),
        ("1,c,1", "columns", None),
    ]
    if kind is not OrderData:
        bad.append(("1,longer than ten,1,2026-11-30T08:00:00,", "rule", "customer"))
    text = HEADER + GOOD + "".join(f"{row}\n" for row, *_ in bad) + GOOD

    _, document = run(write(text), record=kind, max_rejects=len(bad))

    assert [(n, *rest) for n, (_, *rest) in enumerate(bad, 4)] == list_rejects(document)
    assert 2 == len(list_contents(document))
    raws = [row["reject"]["raw"] for row in document["records"] if "reject" in row]
    assert [row for row, *_ in bad] == raws


@pytest.mark.parametrize("kind", CLASSES)
def test_a_row_among_many_is_rejected_and_no_other(write, run, kind):
    rows = [f"{n},c{n},1,2026-11-30T08:00:00,\n" for n in range(3000)]
    for place in (0, 1, 63, 64, 1500, 2999):
        rows[place] = "x" + rows[place]

    _, document = run(write(HEADER + "".join(rows)), record=kind, max_rejects="1%")

    assert [2, 3, 65, 66, 1502, 3001] == [number for number, *_ in list_rejects(document)]
    kept = [content[0] for content in list_contents(document)]
    assert [n for n in range(3000) if n not in (0, 1, 63, 64, 1500, 2999)] == kept


class Secretive(pydantic.BaseModel):
    name: str

    @pydantic.field_validator("name")
    @classmethod
    def check_name(cls, value):
        if "private" in value:
            raise ValueError(f"{value} is private")
        return value


class SecretiveStruct(msgspec.Struct):
    name: str

    def __post_init__(self):
        if "private" in self.name:
            raise ValueError(f"Expected `str`, got `{self.name}`")


@pytest.mark.parametrize("kind", [Secretive, SecretiveStruct])
def test_reasons_do_not_quote_the_data(write, tmp_path, kind):
    """Also where a rule of the class puts it into its message."""
    result = JobA(tmp_path / "out", reader=Csv(), record=kind).execute(write("name\nprivate thing\n"))

    assert "input.rejects" == result.code
    assert f"line 2, name: a rule of {kind.__name__} (rule)" in result.error.replace(
        "line 2:", "line 2, name:"
    )
    assert "private" not in result.error


def test_the_reason_of_a_pattern_is_its_description(write, run):
    class Item(msgspec.Struct):
        code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="three capitals")] | None = None
        name: Annotated[str, msgspec.Meta(pattern="^[a-z]+$")] = "a"

    _, document = run(write("code,name\nABC,a\nabc,a\nABC,A\n"), record=Item, max_rejects=2)

    assert ["expected three capitals", "Expected str matching regex '^[a-z]+$'"] == [
        row["reject"]["reason"] for row in document["records"][1:]
    ]


class Careless(pydantic.BaseModel):
    name: str

    @pydantic.field_validator("name", mode="before")
    @classmethod
    def shorten_name(cls, value):
        return value.strip()


class CarelessStruct(msgspec.Struct):
    name: str | None

    def __post_init__(self):
        self.name = self.name.strip()


@dataclass
class CarelessData:
    name: str | None

    def __post_init__(self):
        self.name = self.name.strip()


@pytest.mark.parametrize("kind", [Careless, CarelessStruct, CarelessData])
def test_a_bug_in_a_rule_names_the_line(write, tmp_path, kind):
    """An empty value is None, which rules in the form of code may not expect."""
    text = "name,x\na,\n\n,\n,\n"
    reader = Csv(unknown="ignore")

    result = JobA(tmp_path / "out", reader=reader, record=kind, max_rejects=9).execute(write(text))

    assert "internal.AttributeError" == result.code
    assert ["in the row of line 4"] == result.exception.__notes__


def test_a_refusal_names_ten_rejects_and_writes_nothing(write, tmp_path):
    text = HEADER + GOOD + 12 * "x,c,1,2026-11-30T08:00:00,\n"

    result = JobA(tmp_path / "out", reader=Csv(), record=Order, max_rejects=11).execute(write(text))

    assert ("input.rejects", False) == (result.code, result.retriable)
    assert (
        "12 of 13 rows do not fit, 11 allowed: line 4, id: Expected int, got str (type); line 5"
        in result.error
    )
    assert (
        "line 13, id: Expected int, got str (type); and 2 more; correct them, or let them be" in result.error
    )
    assert [] == list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(("limit", "fits"), [("20%", True), ("19.9%", False), (1, True), ("0", False)])
def test_the_limit_is_a_number_or_a_share_of_the_rows_that_are_not_blank(write, tmp_path, limit, fits):
    text = "id\n1\n2\n\n\n3\n4\nx\n"

    class Id(msgspec.Struct):
        id: int

    result = JobA(tmp_path / "out", reader=Csv(), record=Id, max_rejects=limit).execute(write(text))

    assert fits == result.success


class Named(msgspec.Struct, rename="camel"):
    order_id: int
    customer_name: str = "none"


class NamedModel(pydantic.BaseModel):
    order_id: int = pydantic.Field(alias="orderId")
    customer_name: str = pydantic.Field(
        "none", validation_alias=pydantic.AliasChoices("customerName", "buyer")
    )


@pytest.mark.parametrize("kind", [Named, NamedModel])
@pytest.mark.parametrize(
    "header", ["order_id,customer_name", "orderId,customerName", "customerName,orderId", "order_id"]
)
def test_headers_match_fields_and_aliases_in_any_order(write, run, kind, header):
    row = {"order_id": "7", "orderId": "7", "customer_name": "x", "customerName": "x"}
    text = header + "\n" + ",".join(row[name] for name in header.split(",")) + "\n"

    _, document = run(write(text), record=kind)

    assert [[7, "x" if "," in header else "none"]] == list_contents(document)
    assert ["order_id", "customer_name"] == document["schema"]["columns"]


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (
            "id,custmer,amount,placed_at",
            "has no column customer, which Order requires; did you mean custmer?",
        ),
        ("id,amount", "has no column customer, which Order requires; it has id, amount"),
        ("id,customer,amount,placed_at,Share", "the column Share is unknown to Order; did you mean share?"),
        ("id,customer,amount,placed_at,x", "the column x is unknown to Order; add a field, or leave such"),
        ("id,id,customer,amount,placed_at", "line 1: columns 1 and 2 have the same name"),
        (
            "id;customer;amount;placed_at",
            "has no column id, which Order requires; it has only one column: name the delimiter, perhaps ';'",
        ),
    ],
)
def test_a_header_that_does_not_fit_is_refused_before_any_row(write, tmp_path, header, text):
    result = JobA(tmp_path / "out", reader=Csv(), record=Order).execute(write(header + "\n"))

    assert "input.columns" == result.code
    assert text in result.error


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("order_id,customerNam", "has no column customerName (the field customer_name), which All requires"),
        ("order_id,customerNam", "; did you mean customerNam?"),
        ("order_id,customer_nam", "; did you mean customer_nam?"),
    ],
)
def test_a_missing_column_has_the_name_that_a_header_gives_it(write, tmp_path, header, text):
    class All(msgspec.Struct, rename="camel"):
        order_id: int
        customer_name: str

    result = JobA(tmp_path / "out", reader=Csv(), record=All).execute(write(header + "\n"))

    assert "input.columns" == result.code
    assert text in result.error


@pytest.mark.parametrize("kind", CLASSES)
def test_a_first_row_that_is_no_header_is_not_quoted(write, tmp_path, kind):
    """It may be data."""
    result = JobA(tmp_path / "out", reader=Csv(), record=kind).execute(write("7,private,1.5,2026-11-30\n"))

    assert "input.columns" == result.code
    assert result.error.endswith(
        "; none of its columns is known: if the file has no header, use Csv(header=False)"
    )
    assert "private" not in result.error


def test_a_first_row_that_is_no_header_is_not_quoted_if_no_column_is_required(write, tmp_path):
    class Optional(msgspec.Struct):
        id: int = 0

    result = JobA(tmp_path / "out", reader=Csv(), record=Optional).execute(write("7,private\n"))

    assert "has no column of Optional; none of its columns is known" in result.error
    assert "private" not in result.error


def test_bytes_of_another_encoding_are_refused_with_the_option_that_names_it(write, tmp_path):
    text = HEADER.encode() + b"1,J\xfcrgen,1,2026-11-30T08:00:00,\n"

    result = JobA(tmp_path / "out", reader=Csv(), record=Order).execute(write(text))

    assert "line 2: bytes that are not text (undecodable); name the encoding of the file with" in result.error
    assert "--encoding, correct them, or let them be rejected" in result.error


def test_unknown_columns_can_be_ignored(write, run):
    text = "x,id,customer,amount,placed_at,y\n,1,c,2,2026-11-30T08:00:00,\n"

    _, document = run(write(text), reader=Csv(unknown="ignore"), record=Order)

    assert [[1, "c", "2", "2026-11-30T08:00:00", None]] == list_contents(document)


def test_json_lines(write, run):
    class Item(msgspec.Struct):
        id: int
        tags: list[str] = []

    text = '{"id":1,"tags":["a"]}\n\n{"id":"2"}\n[3]\n{"id":4,"x":1}\n{"id":5}'

    _, document = run(write(text, "x.jsonl"), reader=JsonLines(), record=Item, max_rejects=3)

    assert [[1, ["a"]], [5, []]] == list_contents(document)
    assert [(3, "type", "id"), (4, "columns", None), (5, "columns", None)] == list_rejects(document)
    _, document = run(write(text, "y.jsonl"), reader=JsonLines(unknown="ignore"), record=Item, max_rejects=2)
    assert [[1, ["a"]], [4, []], [5, []]] == list_contents(document)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("[3]", "no JSON object"), ('{"id":', "no JSON"), ('{"id":1e999}', "a number out of range")],
)
def test_the_reject_of_a_line_says_why_it_is_no_object(write, run, line, reason):
    _, document = run(write(line, "x.jsonl"), reader=JsonLines(), max_rejects=1)

    assert [reason] == [row["reject"]["reason"] for row in document["records"]]


@pytest.mark.parametrize("depth", [101, 300, 100_000])
def test_json_that_is_nested_too_deep_is_a_reject(write, run, depth):
    text = '{"a":[[1]]}\n{"a":' + depth * "[" + depth * "]" + "}\n"

    _, document = run(write(text, "x.jsonl"), reader=JsonLines(), max_rejects=1)

    assert [(2, "columns", None)] == list_rejects(document)


def test_without_a_record_class_rows_are_taken_as_they_are(write, run):
    _, document = run(write("a,b c\n1,\n"))
    assert (["a", "b c"], [["1", None]]) == (document["schema"]["columns"], list_contents(document))

    _, document = run(write('{"a":[1.5]}\n', "x.jsonl"), reader=JsonLines())
    assert ([], [{"a": [1.5]}]) == (document["schema"]["columns"], list_contents(document))


def test_lines_without_a_record_class_are_the_document_they_were(write, tmp_path):
    path = write("first\n\nsecond\n", "x.txt")

    plain, lines = (
        JobA(tmp_path / n, **more).execute(path).unwrap()
        for n, more in [("a", {}), ("b", {"reader": Lines()})]
    )

    assert plain.read_bytes() == lines.read_bytes()


def test_lines_with_a_record_class(write, run):
    class Line(msgspec.Struct):
        content: Annotated[str, msgspec.Meta(max_length=3)]

    _, document = run(write(b"abc\n\nabcd\n\xff\n", "x.txt"), reader=Lines(), record=Line, max_rejects=2)

    assert [["abc"]] == list_contents(document)
    assert [(3, "rule", "content"), (4, "undecodable", None)] == list_rejects(document)


class FixedWidth:
    """A reader of one's own."""

    def read(self, file):
        for number, line in enumerate(file.text, 1):
            if line.startswith("#"):
                yield number, Reject(RejectKind.COLUMNS, None, "a comment", line)
            else:
                yield number, {"id": line[:2], "name": line[2:].strip()} if line.strip() else None


class Positions:
    """Another one, whose rows are sequences."""

    columns = ("id", "name")

    def read(self, file):
        for number, line in enumerate(file.binary, 1):
            yield number, (int(line[:2]), line[2:].decode().strip())


class Item(msgspec.Struct):
    id: int
    name: str


def test_a_reader_of_ones_own(write, run):
    _, document = run(write("10one\n\n#\nxxtwo\n", "x.txt"), reader=FixedWidth(), record=Item, max_rejects=2)

    assert [[10, "one"]] == list_contents(document)
    assert [(3, "columns", None), (4, "type", "id")] == list_rejects(document)
    assert (4, 1, 2, 1, 0) == get_sums(document)
    assert '{"id":"xx","name":"two"}' == document["records"][-1]["reject"]["raw"]


def test_a_reader_of_ones_own_with_columns(write, run):
    _, document = run(write("01one\n02two\n", "x.txt"), reader=Positions(), record=Item)

    assert [[1, "one"], [2, "two"]] == list_contents(document)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([(1, {}), (1, {})], "line number 1 after 1; they must ascend"),
        ([("1", {})], "line number '1' after 0"),
        ([(1, "x")], "line 1: the reader yields a str; expected a mapping, a Reject or None"),
        ([(1, ["x"])], "line 1: the reader yields a list; expected a mapping, a Reject or None"),
    ],
)
def test_a_reader_that_breaks_the_rules_is_named(write, tmp_path, rows, text):
    class Bad:
        def read(self, _file):
            yield from rows

    result = JobA(tmp_path / "out", reader=Bad(), record=Item).execute(write("x"))

    assert "input.reader" == result.code
    assert text in result.error


@pytest.mark.parametrize("bad", ["\0", "\ud800"])
def test_texts_that_no_database_takes_are_rejects(write, run, bad):
    """Whatever reader has made them."""

    class Bad:
        def read(self, _file):
            yield 1, {"id": 1, "name": "x"}
            yield 2, {"id": 2, "name": bad}

    _, document = run(write("x"), reader=Bad(), record=Item, max_rejects=1)

    assert [[1, "x"]] == list_contents(document)
    assert [(2, "nul" if bad == "\0" else "undecodable", None)] == list_rejects(document)


def test_a_row_that_is_too_large_as_json_is_a_reject(write, run):
    text = "id,name\n1,x\n2," + 200 * "x" + "\n3,y\n"

    _, document = run(write(text), record=Item, max_rejects=1, max_record_bytes=100)

    assert [(3, "too_large", None)] == list_rejects(document)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"reader": "csv"}, TypeError),
        ({"reader": Csv}, TypeError),
        ({"record": int}, TypeError),
        ({"record": "Order"}, TypeError),
        ({"reader": Csv(), "max_rejects": "many"}, ValueError),
    ],
)
def test_wrong_arguments_are_refused_at_once(tmp_path, arguments, kind):
    with pytest.raises(kind):
        JobA(tmp_path, **arguments)


def test_secrets_are_no_fields_of_a_record(tmp_path):
    class Login(pydantic.BaseModel):
        password: pydantic.SecretStr

    with pytest.raises(TypeError, match=r"Login\.password: secrets are not loaded"):
        JobA(tmp_path, record=Login)


@pytest.mark.parametrize("make", [lambda kind: kind, dataclass], ids=["msgspec", "dataclass"])
def test_a_rule_that_msgspec_cannot_check_is_refused_at_once(tmp_path, make):
    """Not at the first row, when a run has begun."""
    base = msgspec.Struct if make is not dataclass else object

    class Price(base):
        amount: Annotated[Decimal, msgspec.Meta(gt=0)]

    with pytest.raises(TypeError, match=r"Price: "):
        JobA(tmp_path, record=make(Price))


def test_a_fingerprint_changes_with_the_rules(tmp_path):
    class One(msgspec.Struct):
        id: int

    class Two(msgspec.Struct):
        id: Annotated[int, msgspec.Meta(ge=0)]

    fingerprints = {make_schema(each).fingerprint for each in (One, Two, Order, OrderModel)}

    assert 4 == len(fingerprints)
    assert make_schema(One) == make_schema(One)


def make_schema(kind):
    from pipeline_jobs.record_classes.record_class import make_record_class

    return make_record_class(kind).schema


def change(document, before, after):
    data = document.read_bytes()
    assert before in data
    document.write_bytes(data.replace(before, after, 1))


def read_rows(path, kind=list):
    with open_input(path) as file:
        document = find_row_document(file, 1 << 20)
        return document.sums, [row.content for chunk in document.read(kind) for row in chunk.rows]


def test_a_document_of_rows_is_read_back(write, tmp_path):
    path = JobA(tmp_path / "out", reader=Csv(), record=Order).execute(write(HEADER + GOOD)).unwrap()

    sums, contents = read_rows(path)

    assert (1, 1, 0, 0, 0) == sums
    assert [[1, "a\nb", "12.50", "2026-11-30T08:00:00", 0.5]] == contents


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (b'[1,"a', b'[2,"a', "input.hash"),
        (b'"read":2', b'"read":3', "input.shape"),
        (b'"line_number":2', b'"line_number":0', "input.shape"),
        (b'"line_number":4', b'"line_number":2', "input.shape"),
        (b'"content":[1', b'"x":[1', "input.shape"),
        (b'"content":[1', b'"content":{1', "input.shape"),
        (b'"record_count":2', b'"record_count":1', "input.shape"),
        (b'"read":2,"record_count":2', b'"read":3,"record_count":3', "input.count"),
    ],
)
def test_a_document_of_rows_that_was_changed_is_refused(write, tmp_path, before, after, code):
    path = JobA(tmp_path / "out", reader=Csv(), record=Order).execute(write(HEADER + GOOD + GOOD)).unwrap()
    change(path, before, after)

    with pytest.raises(InputError) as caught:
        read_rows(path)

    assert code == caught.value.code


def test_a_value_that_does_not_fit_where_it_is_read_is_named_by_line_and_column(write, tmp_path):
    path = JobA(tmp_path / "out", reader=Csv(), record=Order).execute(write(HEADER + GOOD)).unwrap()

    class Small(msgspec.Struct, array_like=True):
        id: int
        customer: Annotated[str, msgspec.Meta(max_length=1)]
        amount: str
        placed_at: str
        share: float

    with pytest.raises(InputError) as caught:
        read_rows(path, Small)

    assert "input.row" == caught.value.code
    assert (
        "orders.csv: line 2, customer: Expected str of length <= 1; give the record class this rule too, "
        "and such rows are rejects" == str(caught.value)
    )


def test_lines_and_rows_are_not_mistaken_for_each_other(write, tmp_path):
    """Documents of one source: the second replaces the first, whatever its version."""
    path = write(HEADER + GOOD)

    first = JobA(tmp_path / "out").execute(path).unwrap()
    second = JobA(tmp_path / "out", reader=Csv(), record=Order).execute(path).unwrap()
    third = JobA(tmp_path / "out").execute(path).unwrap()

    assert first == second == third
    with open_input(third) as file:
        assert find_row_document(file, 1 << 20) is None


@pytest.mark.parametrize("record", [None, Order])
def test_a_header_of_very_many_names_is_refused_in_linear_time(write, tmp_path, record):
    header = ",".join(f"column{n}" for n in range(200_000))

    result = JobA(tmp_path / "out", reader=Csv(), record=record).execute(write(header + "\n"))

    assert "input.columns" == result.code
    assert len(result.error) < 2000


class Color(enum.Enum):
    RED = "red"


class Odd(msgspec.Struct):
    color: Color
    span: timedelta
    raw: bytes | None = None


class OddModel(pydantic.BaseModel):
    color: Color
    span: timedelta
    raw: bytes | None = None
    secret: str = pydantic.Field("x", exclude=True)


@pytest.mark.parametrize("kind", [Odd, OddModel])
def test_values_of_other_types(write, run, kind):
    raw = "YWI=" if kind is Odd else "ab"  # msgspec takes bytes as base64

    _, document = run(write(f"color,span,raw\nred,PT1H,{raw}\n"), record=kind)

    assert [["red", "PT1H" if kind is OddModel else "PT3600S", "YWI="]] == list_contents(document)


def test_errors_of_a_rule_that_are_called_like_those_of_pydantic_are_not_shown(write, tmp_path):
    class Rule(pydantic.BaseModel):
        name: str

        @pydantic.field_validator("name")
        @classmethod
        def check(cls, value):
            raise PydanticCustomError("greater_than", f"bad code {value}")

    result = JobA(tmp_path / "out", reader=Csv(), record=Rule).execute(write("name\nprivate\n"))

    assert "line 2, name: a rule of Rule (rule)" in result.error
    assert "private" not in result.error


def test_rejects_of_a_reader_of_ones_own_count_whatever_job_they_name(write, tmp_path):
    class Bad:
        def read(self, _file):
            yield 1, Reject(RejectKind.RULE, None, "no", "raw", "another job")

    result = JobA(tmp_path / "out", reader=Bad(), record=Item).execute(write("x"))

    assert "1 of 1 rows do not fit" in result.error


@pytest.mark.parametrize(
    "reject", [Reject("foo", None, "no", "x"), Reject(RejectKind.RULE, None, "no", None)]
)
def test_a_reject_that_is_none_is_refused(write, tmp_path, reject):
    class Bad:
        def read(self, _file):
            yield 1, reject

    result = JobA(tmp_path / "out", reader=Bad(), record=Item).execute(write("x"))

    assert "input.reader" == result.code


def test_a_header_that_may_be_data_is_not_quoted(write, tmp_path):
    result = JobA(tmp_path / "out", reader=Csv(), record=Item).execute(write("1,Anna,Anna\n"))

    assert "columns 2 and 3 have the same name" in result.error
    assert "Anna" not in result.error
