"""What a person sees cannot steer a terminal."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text, größer als 'a' \"b\" \\", "plain text, größer als 'a' \"b\" \\"),
        ("", ""),
        ("日本語 🎉", "日本語 🎉"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\0\x7f\x85", r"\x00\x7f\x85"),
        ("\u2028\u202e", r"\u2028\u202e"),
        ("\U000e0001", r"\U000e0001"),
        (os.fsdecode(b"caf\xe9.txt"), r"caf\xe9.txt"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_does_not_print_is_escaped(text, expected):
    assert expected == shown(text)


def test_a_path_is_shown_as_its_text():
    assert r"/tmp/a\nb" == shown(Path("/tmp/a\nb"))


@given(st.text(st.characters()))
def test_all_that_is_shown_prints(text):
    assert shown(text).isprintable()
