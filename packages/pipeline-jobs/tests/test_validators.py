"""Validators return a typed value, or raise an `InputError` with a code."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import InputError, Url, parse_batch_id, parse_input_location, parse_input_path
from pipeline_jobs.documents.records import MAX_INTEGER
from pipeline_jobs.validators import parse_file_location

OUT_OF_RANGE = "expected an integer between 1 and 2^63 - 1"
NOT_POSITIVE = "expected a positive integer"


def test_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").write_text("x")

    assert tmp_path / "x.txt" == parse_input_path("x.txt")
    assert tmp_path / "x.txt" == parse_input_path(tmp_path / "x.txt")


def test_path_that_is_not_utf8_is_accepted(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("x")

    assert path == parse_input_path(str(path))


def test_link_is_not_resolved(tmp_path):
    """The output is named after the given path; only the identity of the source is resolved."""
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("x.txt")

    assert tmp_path / "link.txt" == parse_input_path(tmp_path / "link.txt")


class NumberPath(os.PathLike):
    """A path whose text is a number."""

    def __fspath__(self):
        return 7


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (NumberPath(), "input.type", "expected the path of a file, got a value of type NumberPath"),
        (None, "input.type", "expected the path of a file, got nothing"),
        (7, "input.type", "expected the path of a file, got a value of type int"),
        (b"x.txt", "input.type", "expected the path of a file, got a value of type bytes"),
        (("x.txt",), "input.type", "expected the path of a file, got a value of type tuple"),
        ("", "input.path", "the path is empty"),
        ("a\0b", "input.path", r"a\x00b: a path cannot hold a NUL character"),
        ("a\ud800b", "input.path", r"a\ud800b: a path cannot hold a lone surrogate"),
        ("/no/such\nfile", "input.missing", r"/no/such\nfile: no such file"),
        ("/dev", "input.not_a_file", "/dev: is a folder, expected a regular file"),
        ("/dev/null", "input.not_a_file", "/dev/null: is a device, expected a regular file"),
        pytest.param(
            "/" + 256 * "x",
            "input.unreadable",
            f"/{256 * 'x'}: cannot be read: File name too long",
            id="name too long",
        ),
    ],
)
def test_invalid_path_is_refused(value, code, message):
    with pytest.raises(InputError) as caught:
        parse_input_path(value)

    assert (code, message) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("parse", [parse_input_path, parse_input_location])
def test_public_validators_open_the_file(tmp_path, parse):
    with pytest.raises(InputError, match="no such file"):
        parse(tmp_path / "x.txt")

    (tmp_path / "x.txt").touch()

    assert tmp_path / "x.txt" == parse(tmp_path / "x.txt")


def test_file_location_is_parsed_without_opening_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert tmp_path / "x.txt" == parse_file_location("x.txt")
    assert Url("s3://bucket/x.txt") == parse_file_location("s3a://bucket/x.txt")


@pytest.mark.parametrize("value", [1, 7, MAX_INTEGER, "1", "7", "10", str(MAX_INTEGER)])
def test_batch_id_is_an_integer_or_its_decimal_text(value):
    assert int(value) == parse_batch_id(value)


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (None, "input.type", "expected a batch id, got nothing"),
        (True, "input.type", "expected a batch id, got True"),
        (1.0, "input.type", "expected a batch id, got a value of type float"),
        (b"1", "input.type", "expected a batch id, got a value of type bytes"),
        ([1], "input.type", "expected a batch id, got a value of type list"),
        (0, "input.id", f"invalid batch id 0: {OUT_OF_RANGE}"),
        (-1, "input.id", f"invalid batch id -1: {OUT_OF_RANGE}"),
        (2**63, "input.id", f"invalid batch id 9223372036854775808: {OUT_OF_RANGE}"),
        pytest.param(
            10**5000, "input.id", f"invalid batch id of 16610 bits: {OUT_OF_RANGE}", id="5001 digits"
        ),
        ("9223372036854775808", "input.id", f"invalid batch id 9223372036854775808: {OUT_OF_RANGE}"),
        ("0", "input.id", f"invalid batch id '0': {NOT_POSITIVE}"),
        ("-1", "input.id", f"invalid batch id '-1': {NOT_POSITIVE}"),
        ("+1", "input.id", f"invalid batch id '+1': {NOT_POSITIVE}"),
        ("01", "input.id", f"invalid batch id '01': {NOT_POSITIVE}"),
        ("1.0", "input.id", f"invalid batch id '1.0': {NOT_POSITIVE}"),
        ("1_000", "input.id", f"invalid batch id '1_000': {NOT_POSITIVE}"),
        ("٣", "input.id", f"invalid batch id '٣': {NOT_POSITIVE}"),
        ("True", "input.id", f"invalid batch id 'True': {NOT_POSITIVE}"),
        ("abc", "input.id", f"invalid batch id 'abc': {NOT_POSITIVE}"),
        ("", "input.id", f"invalid batch id '': {NOT_POSITIVE}"),
        (" 1", "input.id", f"invalid batch id ' 1': {NOT_POSITIVE}"),
        ("1\n", "input.id", rf"invalid batch id '1\n': {NOT_POSITIVE}"),
        ("\x1b[31m", "input.id", rf"invalid batch id '\x1b[31m': {NOT_POSITIVE}"),
        pytest.param(
            5000 * "9",
            "input.id",
            f"invalid batch id '{40 * '9'}'…: {NOT_POSITIVE}",
            id="text of 5000 digits",
        ),
    ],
)
def test_invalid_batch_id_is_refused(value, code, message):
    with pytest.raises(InputError) as caught:
        parse_batch_id(value)

    assert (code, message) == (caught.value.code, str(caught.value))


@given(st.text())
def test_batch_id_text_is_accepted_only_in_its_canonical_form(text):
    """`int` also accepts underscores, spaces and the digits of every script."""
    try:
        accepted = parse_batch_id(text)
    except InputError:
        return

    assert str(accepted) == text
