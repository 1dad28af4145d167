"""Documents that somebody made to exhaust memory or time are refused, or read, within bounds."""

import itertools
import subprocess
import sys

import pytest

MEGABYTES = 300
"""Of writable memory, for documents of 40 megabytes that would take a gigabyte and more."""
SECONDS = 60

READ = f"""
import resource, sys
from pathlib import Path
from pipeline_jobs import InputError, open_document
resource.setrlimit(resource.RLIMIT_DATA, ({MEGABYTES} << 20, {MEGABYTES} << 20))
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
try:
    with open_document(Path(sys.argv[1])) as records:
        print(sum(1 for _ in records))
except InputError as error:
    print(error.code, str(error).partition(": ")[2])
"""


def repeat(text, size):
    return itertools.repeat(1000 * text, size // len(text) // 1000)


@pytest.mark.parametrize(
    ("start", "middle", "end", "expected"),
    [
        (
            "{",
            (f'"key{n}":[],' for n in range(2_500_000)),
            '"records":[]}',
            "input.shape an object of more than 1000 keys",
        ),
        (
            "{",
            (f'"{n:100000}":[],' for n in range(400)),
            '"records":[]}',
            "input.shape a key of more than 1000 characters",
        ),
        (
            '{"source":{"uri":"file:///x"',
            (f',"{n}":0' for n in range(150_000)),
            '},"records":[]}',
            "input.shape 'source.0': unknown key",
        ),
        ('["a",[', repeat("[],", 40_000_000), "[]]]", "input.shape a value of more than 1000 parts"),
        ('["a",{"content":[', repeat('{"":0},', 40_000_000), "0]}]", "input.shape a value of more"),
        ('{"source":[', repeat('"",', 40_000_000), "0]}", "input.shape a value of more than 1000 parts"),
        ('["\N{PARTY POPPER}', repeat("a", 90_000_000), '"]', "input.record_size"),
        ("[1", repeat("0", 40_000_000), "]", "input.number"),
        ('["a"', repeat(" \n", 40_000_000), "]", "1"),
        ("", repeat("[", 40_000_000), "", "input.nesting"),
    ],
    ids=[
        "unknown keys",
        "long unknown keys",
        "unknown keys in the source",
        "empty lists in an element",
        "objects in a record",
        "strings in the header",
        "a long string",
        "a long number",
        "white space",
        "deep nesting",
    ],
)
def test_memory_for_a_document_is_bounded(tmp_path, start, middle, end, expected):
    file = tmp_path / "x.json"
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(itertools.chain([start], middle, [end]))

    done = subprocess.run(
        [sys.executable, "-c", READ, file], capture_output=True, text=True, check=True, timeout=300
    )

    assert expected in done.stdout.replace("line 1: ", "").replace(f"{file}, ", "")


@pytest.mark.timeout(300)
def test_repeated_last_key_is_found_in_linear_time(tmp_path):
    """Compared with each other, 150,000 keys would take a minute and more."""
    keys = "".join(f'"{n}":0,' for n in range(150_000))
    (tmp_path / "x.json").write_text(f'[{{{keys}"last":1,"last":2}}]', encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path / "x.json"], capture_output=True, text=True, check=True
    )

    assert "the key 'last' is given twice" in done.stdout


def test_ordinary_large_record_is_still_read(tmp_path):
    """Sixteen megabytes of text with every kind of character, also as another program escapes them."""
    text = ("ä 🎉 \\u00e4 \\ud83c\\udf89 \\n , [ ] { } : " * (1 << 18))[: 16 << 20]
    text = text[: text.rfind(" ")]
    (tmp_path / "x.json").write_text(
        f'{{"records":["a",{{"line_number":7,"content":"{text}"}}]}}', encoding="utf-8"
    )

    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path / "x.json"], capture_output=True, text=True, check=True
    )

    assert "2\n" == done.stdout
