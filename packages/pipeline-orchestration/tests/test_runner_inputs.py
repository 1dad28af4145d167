"""What a run is given: paths of any name, data in memory, ids; the same on both engines."""

import math
import os
from itertools import cycle
from pathlib import Path

import pytest

NAMES = [
    b"plain.txt",
    b"two words.txt",
    b"new\nline.txt",
    b"quote'\"`.txt",
    b"\x1b[31mred.txt",
    b"100%41.txt",
    b"a#b?c&d.txt",
    b"{x}{0}{}.txt",
    b"back\\slash.txt",
    b"not \xff\xfe UTF-8.txt",
    "größe 🎉.txt".encode(),
    b"-dash.txt",
    b"json:7",
    b"file:",
]


def test_no_file_name_breaks_a_run(runner, folder, ask):
    """Given as a path, as text, relative or as URI."""
    paths = [folder / os.fsdecode(name) for name in NAMES]
    for path in paths:
        path.write_text("one")
    forms = cycle([Path, str, lambda path: path.name, Path.as_uri])

    results = runner().run_many([form(path) for form, path in zip(forms, paths, strict=False)])

    expected = [(batch_id, None) for batch_id in range(1, len(NAMES) + 1)]
    assert expected == [(result.batch_id, result.error) for result in results]
    assert [(path.as_uri(),) for path in paths] == ask(
        "p.db", "SELECT source FROM processing_batches ORDER BY id"
    )
    assert all(result.input.isprintable() for result in results)


@pytest.mark.parametrize("name", [b"not \xff\xfe UTF-8.txt", b"new\nline.txt", b"{x}.txt"], ids=ascii)
def test_every_form_is_the_same_file(runner, folder, name):
    path = folder / os.fsdecode(name)
    path.write_text("one")

    results = runner().run_many([path, str(path), path.name, path.as_uri()])

    assert [(1, None)] * 4 == [(result.batch_id, result.error) for result in results]


def test_output_and_database_may_have_any_name_too(runner, folder, sample):
    name = os.fsdecode(b"{x} \xff%41#?\n")

    result = runner(output_dir=name, db_path=f"{name}.db").run(sample)

    assert (None, 1) == (result.error, result.batch_id)
    assert (folder / f"{name}.db").exists()


def test_what_is_no_file_is_refused(runner, folder):
    refusals = [
        ("missing.txt", "input.missing", f"{folder}/missing.txt: no such file"),
        ("file:///missing.txt", "input.missing", "/missing.txt: no such file"),
        (Path("missing\n"), "input.missing", f"{folder}/missing\\n: no such file"),
        (Path(), "input.not_a_file", f"{folder}: is a folder, expected a regular file"),
        ("", "input.path", "the path is empty"),
        ("a\0b", "input.path", "a\\x00b: a path cannot hold a NUL character"),
        (Path("a\0b"), "input.path", f"{folder}/a\\x00b: a path cannot hold a NUL character"),
        (Path("\ud800"), "input.path", "\\ud800: a path cannot hold a lone surrogate"),
        (None, "input.type", "expected the path of a file, got nothing"),
        (["x.txt"], "input.type", "expected the path of a file, got a value of type list"),
    ]

    results = runner().run_many([value for value, *_ in refusals])

    assert [("A", *refusal) for _, *refusal in refusals] == [
        (result.last.job, result.code, result.error) for result in results
    ]
    assert [] == list(folder.iterdir())


@pytest.mark.parametrize(
    ("value", "records"),
    [
        (["one", {"content": "two"}], [(1, "one"), (2, "two")]),
        ({"records": [{"content": "one", "line_number": 7}]}, [(7, "one")]),
        (("one",), [(1, "one")]),
        ([], []),
    ],
)
def test_data_in_memory(runner, folder, ask, value, records):
    """It is kept in a file while the run lasts, and the file is gone afterwards."""
    result = runner(output_dir="new/out").run_from("B", value)

    assert ("memory", 1, None) == (result.input, result.batch_id, result.error)
    assert records == ask("p.db", "SELECT line_number, content FROM finalized_records ORDER BY 1")
    assert [("memory:",)] == ask("p.db", "SELECT source FROM processing_batches")
    assert not (folder / "new").exists()


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_bad_data_in_memory_is_refused(runner, folder):
    """And leaves nothing: no folder that was not there."""
    refusals = [
        ({"a"}, "input.type"),
        (["a", {"b"}], "input.type"),
        (b"a", "input.type"),
        (nested(100_000), "input.type"),
        (nested(900), "input.shape"),  # JSON can be so deep; Prefect's search through parameters gives up
        ([math.nan], "input.shape"),
        (["\ud800"], "input.surrogate"),
        ({}, "input.shape"),
        (["a\0"], "input.nul"),
    ]

    results = runner(output_dir="new/out").run_many([value for value, _ in refusals], "B")

    assert [("memory", "B", code) for _, code in refusals] == [
        (result.input, result.last.job, result.code) for result in results
    ]
    assert [] == [path for path in folder.iterdir() if path.name != "p.db"]


def test_what_is_no_batch_is_refused(runner, folder):
    bounds = "is no batch id; it lies between 1 and 2^63 - 1"
    text = "is no batch id; it is a whole number from 1"
    refusals = [
        (0, "input.id", f"0 {bounds}"),
        (-1, "input.id", f"-1 {bounds}"),
        (2**63, "input.id", f"9223372036854775808 {bounds}"),
        (str(2**63), "input.id", f"9223372036854775808 {bounds}"),
        ("1.0", "input.id", f"'1.0' {text}"),
        ("1_000", "input.id", f"'1_000' {text}"),
        ("٣", "input.id", f"'٣' {text}"),
        ("abc", "input.id", f"'abc' {text}"),
        ("01", "input.id", f"'01' {text}"),
        (True, "input.type", "expected a batch id, got True"),
        (99, "batch.not_found", f"no batch with id 99 in {folder}/p.db"),
        ("99", "batch.not_found", f"no batch with id 99 in {folder}/p.db"),
    ]

    results = runner().run_many([value for value, *_ in refusals], "C")

    assert [(str(value), *refusal) for value, *refusal in refusals] == [
        (result.input, result.code, result.error) for result in results
    ]


def test_a_number_of_thousands_of_digits_is_refused(runner):
    """Python itself refuses to write such a number out."""
    results = runner().run_many([10**5000, "9" * 5000, -(10**5000)], "C")

    assert ["input.type", "input.id", "input.type"] == [result.code for result in results]
    assert ["memory", "9" * 5000, "memory"] == [result.input for result in results]


@pytest.mark.parametrize("value", [1, "1"])
def test_a_batch_is_known_by_its_number_or_its_text(runner, sample, value):
    runner().run_until("B", sample)

    result = runner().run_from("C", value)

    assert ("1", 1, {"records": 2}) == (result.input, result.output, result.jobs[0].counts)
