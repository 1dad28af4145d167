"""Loose values become typed ones, or an `InputError` with a code."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import MAX_INTEGER, InputError, batch_id, input_path

BETWEEN = "is no batch id; it lies between 1 and 2^63 - 1"
WHOLE = "is no batch id; it is a whole number from 1"


def test_a_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.txt").write_text("x")

    assert tmp_path / "x.txt" == input_path("x.txt")
    assert tmp_path / "x.txt" == input_path(tmp_path / "x.txt")


def test_a_path_of_bytes_that_are_no_text_is_fine(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("x")

    assert path == input_path(str(path))


def test_a_link_stays_a_link(tmp_path):
    """The output is named after what a person typed; only the source's identity is resolved."""
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to("x.txt")

    assert tmp_path / "link.txt" == input_path(tmp_path / "link.txt")


class Numbered(os.PathLike):
    """Breaks the promise of a path, which is to be text."""

    def __fspath__(self):
        return 7


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (Numbered(), "input.type", "expected the path of a file, got a value of type Numbered"),
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
def test_a_bad_path_is_refused(value, code, message):
    with pytest.raises(InputError) as caught:
        input_path(value)

    assert (code, message) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("value", [1, 7, MAX_INTEGER, "1", "7", "10", str(MAX_INTEGER)])
def test_a_batch_id_is_a_number_or_its_text(value):
    assert int(value) == batch_id(value)


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (None, "input.type", "expected a batch id, got nothing"),
        (True, "input.type", "expected a batch id, got True"),
        (1.0, "input.type", "expected a batch id, got a value of type float"),
        (b"1", "input.type", "expected a batch id, got a value of type bytes"),
        ([1], "input.type", "expected a batch id, got a value of type list"),
        (0, "input.id", f"0 {BETWEEN}"),
        (-1, "input.id", f"-1 {BETWEEN}"),
        (2**63, "input.id", f"9223372036854775808 {BETWEEN}"),
        pytest.param(10**5000, "input.id", f"a number of 16610 bits {BETWEEN}", id="5001 digits"),
        ("9223372036854775808", "input.id", f"9223372036854775808 {BETWEEN}"),
        ("0", "input.id", f"'0' {WHOLE}"),
        ("-1", "input.id", f"'-1' {WHOLE}"),
        ("+1", "input.id", f"'+1' {WHOLE}"),
        ("01", "input.id", f"'01' {WHOLE}"),
        ("1.0", "input.id", f"'1.0' {WHOLE}"),
        ("1_000", "input.id", f"'1_000' {WHOLE}"),
        ("٣", "input.id", f"'٣' {WHOLE}"),
        ("True", "input.id", f"'True' {WHOLE}"),
        ("abc", "input.id", f"'abc' {WHOLE}"),
        ("", "input.id", f"'' {WHOLE}"),
        (" 1", "input.id", f"' 1' {WHOLE}"),
        ("1\n", "input.id", rf"'1\n' {WHOLE}"),
        ("\x1b[31m", "input.id", rf"'\x1b[31m' {WHOLE}"),
        pytest.param(5000 * "9", "input.id", f"'{40 * '9'}'… {WHOLE}", id="text of 5000 digits"),
    ],
)
def test_a_bad_batch_id_is_refused(value, code, message):
    with pytest.raises(InputError) as caught:
        batch_id(value)

    assert (code, message) == (caught.value.code, str(caught.value))


@given(st.text())
def test_text_is_a_batch_id_only_as_python_writes_the_number(text):
    """`int` also takes underscores, spaces and the digits of every script."""
    try:
        accepted = batch_id(text)
    except InputError:
        return

    assert str(accepted) == text
