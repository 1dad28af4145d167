"""Inputs: the value for the first job, its label, and refusals before any job runs."""

import os
from pathlib import Path

import pytest

from pipeline_jobs import Url
from pipeline_orchestration.inputs import MEMORY, RunInput


class BrokenPath(os.PathLike):
    """A path whose `__fspath__` returns no text."""

    def __fspath__(self):
        return 7


@pytest.mark.parametrize(
    "value",
    [
        {1: "a", "1": "b"},
        ("a", "b"),
        {"a"},
        b"bytes",
        None,
        1.5,
        True,
        10**5000,
        BrokenPath(),
        "missing.txt",
        "7",
        "a\nb",
        "s3://bucket/x.txt",
        Url("s3://bucket/x.txt"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_stays_the_same_object(folder, value):
    (folder / "7").touch()

    assert value is RunInput.parse(value).value


def test_the_path_of_a_file_becomes_absolute(folder):
    (folder / "there.txt").touch()
    (folder / "dangling").symlink_to("nowhere")
    with os.scandir(os.fsencode(folder)) as entries:
        (entry,) = [each for each in entries if each.name == b"there.txt"]

    forms = ["there.txt", Path("there.txt"), (folder / "there.txt").as_uri(), entry]

    assert [folder / "there.txt"] * 4 == [RunInput.parse(form).value for form in forms]
    assert folder / "missing.txt" == RunInput.parse(Path("missing.txt")).value
    assert folder / "dangling" == RunInput.parse("dangling").value


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("missing.txt", "missing.txt"),
        (Path("a\nb\udcff.txt"), "a\\nb\\xff.txt"),
        ("file:///data/a%0Ab.txt", "file:///data/a%0Ab.txt"),
        ("7", "7"),
        (7, "7"),
        (10**5000, MEMORY),
        ("a\nb", "a\\nb"),
        (["secret"], MEMORY),
        (None, MEMORY),
        (BrokenPath(), MEMORY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_label_is_the_input_as_given_and_never_data(value, label):
    assert label == RunInput.parse(value).label


def test_a_url_with_a_password_is_refused_and_not_quoted():
    refused = RunInput.parse("https://me:secret@host/x")

    assert ("https://…", "input.url") == (refused.label, refused.refusal.code)
    assert "secret" not in str(refused.refusal)


@pytest.mark.parametrize(
    ("value", "store"),
    [
        ("s3://bucket/x", "s3://bucket"),
        (Url("s3://bucket/x"), "s3://bucket"),
        ("7", None),
        (Path("x"), None),
        ("file:///x", None),
        ([], None),
    ],
)
def test_the_remote_store_is_scheme_and_server(value, store):
    assert store == RunInput.parse(value).remote_store


def test_the_size_is_that_of_the_file(folder):
    (folder / "x").write_bytes(b"12345")

    assert [5, 0, 0] == [RunInput.parse(value).size for value in (Path("x"), Path("missing"), "7")]
