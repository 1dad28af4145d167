"""Inputs as short text for Prefect's API, and back."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_orchestration.inputs import RunInput, from_text, to_text, to_uri

NAMES = st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"/" not in name)


@given(name=NAMES.map(os.fsdecode))
def test_any_file_name_comes_back(name):
    text = to_text(RunInput.parse(Path("/data", name)))

    assert text.isascii()
    assert text.isprintable()
    assert Path("/data", name) == from_text(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("missing.txt", "missing.txt"),
        ("there.txt", "file://{folder}/there.txt"),
        (Path("missing.txt"), "file://{folder}/missing.txt"),
        (Path("a%b?c#d {e}"), "file://{folder}/a%25b%3Fc%23d%20%7Be%7D"),
        ("file:///data/x.txt", "file:///data/x.txt"),
        ("s3://bucket/x y", "s3://bucket/x y"),
        ("7", "7"),
        ("٣", "٣"),
        (7, "7"),
        ("", ""),
        ("a\nb", "a\\nb"),
        ("x" * 5000, "x" * 5000),
        ("\ud800", "\\ud800"),
        (Path("\ud800"), "\\ud800"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_paths_urls_and_ids_have_different_text_forms(folder, value, text):
    (folder / "there.txt").touch()

    assert text.replace("{folder}", str(folder)) == to_text(RunInput.parse(value))


@pytest.mark.parametrize("value", [["secret"], {"records": ["secret"]}, ("secret",), None, {"secret"}])
def test_data_never_reach_the_api(value):
    assert "memory" == to_text(RunInput.parse(value))


def test_a_refused_url_is_not_quoted():
    assert "https://…" == to_text(RunInput.parse("https://me:secret@host/x"))


def test_a_path_becomes_an_absolute_uri(folder):
    assert f"file://{folder}/x" == to_uri(Path("x"))
    assert "7" == from_text("7")
