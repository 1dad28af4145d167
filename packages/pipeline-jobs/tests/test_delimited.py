"""Csv: any table that `csv` writes comes back equal; what is no row is a reject; nothing is lost."""

import csv
import io
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import Csv, InputError, RowInput
from pipeline_jobs.readers import delimited


def read(data, reader=None, *, block=1 << 20, limit=1 << 20, encoding="utf-8"):
    """Return the batches of a file whose content comes in blocks of `block` bytes."""
    blocks = iter([data[start : start + block] for start in range(0, len(data), block)])
    content = SimpleNamespace(blocks=blocks, file=SimpleNamespace(where="x.csv"))
    return list((reader or Csv()).read_batches(RowInput(content, encoding, limit)))


def list_rows(batches):
    return [pair for batch in batches for pair in zip(batch.numbers, batch.values, strict=True)]


def list_rejects(batches):
    return [
        (row.line_number, row.reject.kind.value, row.reject.raw) for batch in batches for row in batch.rejects
    ]


def list_raws(batches):
    return [batch.get_raw(index) for batch in batches for index in range(len(batch.values))]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
texts |= st.text("ab,;\"'\r\n\\ \t|", max_size=6)
dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "quotechar": st.sampled_from("\"'"),
        "escapechar": st.sampled_from([None, "\\"]),
        "doublequote": st.booleans(),
    }
).filter(lambda each: each["doublequote"] or each["escapechar"])


@given(
    st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(texts, min_size=width, max_size=width))),
    dialects,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.integers(1, 40),
    st.integers(1, 5),
)
def test_any_table_in_any_dialect_comes_back_equal(rows, dialect, end, quoting, block, batch):
    """With the same raw text for a row as in the file. Left out: what Python itself does not read back."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting, **dialect)
    writer.writerow([f"column{n}" for n in range(len(rows[0]) if rows else 1)])
    writer.writerows(rows)
    known = list(csv.reader(io.StringIO(text.getvalue(), newline=""), strict=True, **dialect))[1:]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BATCH", batch)
        batches = read(text.getvalue().encode(), Csv(null_values=(), **dialect), block=block)

    if known == rows:
        assert rows == [row for _, row in list_rows(batches)]
    for raw, (_, row) in zip(list_raws(batches), list_rows(batches), strict=True):
        again = next(csv.reader(io.StringIO(raw, newline=""), **dialect), [""])
        assert again == row or raw.rstrip("\r\n") != raw or row[-1].endswith(("\r", "\n"))


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"a", b",", b'"', b"\n", b"\r", b"\xff", b"\0", "ä".encode(), b"1"])).map(
        b"".join
    ),
    st.integers(1, 30),
    st.integers(1, 5),
    st.sampled_from([4, 10, 1000]),
)
def test_any_bytes_end_in_rows_rejects_or_a_refusal(data, block, batch, limit):
    """Each line begins a row or a reject, is blank, or lies in a row that began before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited, "_BATCH", batch)
        try:
            batches = read(b"a,b\n" + data, block=block, limit=limit)
        except InputError as error:
            assert error.code in ("input.csv", "input.record_size")  # noqa: PT017  # either outcome will do
            return

    numbers = [number for number, *_ in [*list_rows(batches), *list_rejects(batches)]]
    assert len(set(numbers)) == len(numbers)
    assert all(len(row) == 2 for _, row in list_rows(batches))


def test_number_of_a_row_is_that_of_its_first_line():
    batches = read(b'a,b\r\n1,"x\ny"\r\n\r\n2,z\r3,"\r\n"')

    assert [(2, ["1", "x\ny"]), (5, ["2", "z"]), (6, ["3", "\r\n"])] == list_rows(batches)
    assert 1 == sum(batch.blank for batch in batches)


def test_what_is_no_row_is_a_reject_with_its_raw_text():
    data = b'a,b\n1\n2,\xff\n3,\0\n4,"x"y\n5,' + 30 * b"z" + b"\n6,7\n"

    batches = read(data, limit=20)

    assert [(7, ["6", "7"])] == list_rows(batches)
    assert [
        (2, "columns", "1"),
        (3, "undecodable", r"2,\xff"),
        (4, "nul", r"3,\x00"),
        (5, "columns", '4,"x"y'),
        (6, "too_large", "5,zzz…"),
    ] == sorted(list_rejects(batches))


@pytest.mark.parametrize("block", [1, 7, 100])
def test_a_long_line_does_not_take_the_rows_after_it(block):
    """Quotes open and close in the part of a line that is dropped."""
    data = b'a,b\n1,"' + 50 * b"x" + b'"\n2,"y' + 50 * b'""' + b'\nstill 2"\n3,4\n'

    batches = read(data, block=block, limit=20)

    assert [(5, ["3", "4"])] == list_rows(batches)
    assert [(2, "too_large"), (3, "too_large")] == [each[:2] for each in list_rejects(batches)]


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("before", range(12, 20))
@pytest.mark.parametrize(
    ("reader", "rest"),
    [
        (Csv(), b',"two\nlines,z"'),
        (Csv(), b',"a","two\n""lines"""'),
        (Csv(escapechar="\\", doublequote=False), b',"a\\"b"'),
        (Csv(escapechar="\\", doublequote=False), b',"two\nlines\\""'),
        (Csv(escapechar="\\", doublequote=False), b',\\"a,two\\\nlines'),
        (Csv(escapechar="\\", quotechar=None), b",two\\\\\\\nlines"),
    ],
)
def test_a_row_ends_where_its_dropped_rest_says(block, before, reader, rest):
    """Of a line beyond the limit only the start is kept, and its quotes and escapes still count."""
    data = b"a,b\n" + b"x" * before + rest + b"\n1,2\n"

    batches = read(data, reader, block=block, limit=15)

    assert [(data.count(b"\n"), ["1", "2"])] == list_rows(batches)
    assert [2] == [number for number, *_ in list_rejects(batches)]


def test_a_long_last_line_without_an_end_is_a_reject():
    batches = read(b'a,b\n1,"' + 50 * b"x" + b'"', limit=20)

    assert [(2, "too_large")] == [each[:2] for each in list_rejects(batches)]


@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (b'a,b\n1,2\n3,"4\n5,6\n', "input.csv", "x.csv, line 3: a quote is opened, and closed nowhere"),
        (b'a,b\n3,"' + 200 * b"4\n", "input.record_size", "x.csv, line 2: a record of more than 20 bytes"),
        (b"", "input.columns", "x.csv: has no header"),
        (b"\n\n", "input.columns", "x.csv: has no header"),
        (b"a,,c\n", "input.columns", "x.csv, line 1: column 2 has no name"),
        (b"\na, b,b\n", "input.columns", "x.csv, line 2: columns 2 and 3 have the same name"),
        (b"a,\xff\n", "input.columns", "x.csv, line 1: expected the names of the columns, found bytes"),
    ],
)
def test_a_file_without_rows_to_find_is_refused(monkeypatch, data, code, text):
    limit = csv.field_size_limit(80)
    monkeypatch.setattr(csv, "field_size_limit", lambda *_: 80)  # it is the process's, and never lowered
    try:
        with pytest.raises(InputError) as caught:
            read(data, limit=20)
    finally:
        monkeypatch.undo()
        csv.field_size_limit(limit)

    assert code == caught.value.code
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("reader", "data", "rows"),
    [
        (Csv(), b"\xef\xbb\xbfa,b\n1,\n", [(2, ["1", None])]),
        (Csv(null_values=()), b"a,b\n1,\n", [(2, ["1", ""])]),
        (Csv(null_values=("NA", "-")), b"a,b\nNA,\n-,x\n", [(2, [None, ""]), (3, [None, "x"])]),
        (Csv(header=False, names=("a", "b")), b"1,2\n", [(1, ["1", "2"])]),
        (Csv(skip_rows=2), b"# made\n\na,b\n1,2\n", [(4, ["1", "2"])]),
        (Csv(skip_rows=9), b"a,b\n", InputError),
        (Csv(quotechar=None), b'a,b\n",\n', [(2, ['"', None])]),
    ],
)
def test_options(reader, data, rows):
    if rows is InputError:
        with pytest.raises(InputError):
            read(data, reader)
    else:
        assert rows == list_rows(read(data, reader))


def test_names_replace_those_of_the_header():
    assert ("x", "y") == read(b"a,b\n1,2\n", Csv(names=("x", "y")))[0].columns
    with pytest.raises(InputError, match="has 2 columns, and names are given for 1"):
        read(b"a,b\n", Csv(names=("x",)))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
def test_other_encodings(encoding):
    assert [(2, ["ä", "ö"])] == list_rows(read("a,b\nä,ö\n".encode(encoding), encoding=encoding, block=3))


def test_in_utf_16_bad_bytes_refuse_the_file():
    with pytest.raises(InputError, match="not utf-16") as caught:
        read("a,b\n".encode("utf-16") + b"\x00\xd8\x00", encoding="utf-16")

    assert "input.undecodable" == caught.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        {"delimiter": ""},
        {"delimiter": ",,"},
        {"delimiter": "\n"},
        {"quotechar": "xy"},
        {"names": "abc"},
        {"names": ("a", "a")},
        {"null_values": "NA"},
        {"unknown": "skip"},
        {"skip_rows": -1},
        {"skip_rows": True},
    ],
)
def test_wrong_options_are_refused_at_once(arguments):
    with pytest.raises((TypeError, ValueError), match="Csv: "):
        Csv(**arguments)
