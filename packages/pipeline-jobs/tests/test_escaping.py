"""Escaped text cannot control a terminal."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs.escaping import escape


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
def test_unprintable_characters_are_escaped(text, expected):
    assert expected == escape(text)


def test_path_is_escaped_as_text():
    assert r"/tmp/a\nb" == escape(Path("/tmp/a\nb"))


@given(st.text(st.characters()))
def test_escaped_text_is_always_printable(text):
    assert escape(text).isprintable()
