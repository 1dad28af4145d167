"""Inputs of a run: paths with any name, data in memory, ids; the same on both engines."""

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


def test_files_may_have_any_name(runner, folder, ask):
    """They are given as paths, as text, by relative name, and by URI."""
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
def test_path_text_name_and_uri_are_the_same_source(runner, folder, name):
    path = folder / os.fsdecode(name)
    path.write_text("one")

    results = runner().run_many([path, str(path), path.name, path.as_uri()])

    assert [(1, None)] * 4 == [(result.batch_id, result.error) for result in results]


def test_output_folder_and_database_may_have_any_name(runner, folder, sample):
    name = os.fsdecode(b"{x} \xff%41#?\n")

    result = runner(output_dir=name, db_path=f"{name}.db").run(sample)

    assert (None, 1) == (result.error, result.batch_id)
    assert (folder / f"{name}.db").exists()


def test_a_value_that_is_no_file_is_refused_by_job_a(runner, folder):
    refusals = [
        ("missing.txt", "input.missing", f"{folder}/missing.txt: no such file"),
        ("file:///missing.txt", "input.missing", "/missing.txt: no such file"),
        (Path("missing\n"), "input.missing", f"{folder}/missing\\n: no such file"),
        (Path(), "input.not_a_file", f"{folder}: is a folder, expected a regular file"),
        ("", "input.path", "the path is empty"),
        ("a\0b", "input.path", "a\\x00b: a path cannot hold a NUL character"),
        (Path("a\0b"), "input.path", f"{folder}/a\\x00b: a path cannot hold a NUL character"),
        (Path("\ud800"), "input.path", f"{folder}/\\ud800: a path cannot hold a lone surrogate"),
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
def test_data_in_memory_are_loaded_without_a_file(runner, folder, ask, value, records):
    result = runner(output_dir="new/out").run_from("B", value)

    assert ("memory", 1, None) == (result.input, result.batch_id, result.error)
    assert records == ask("p.db", "SELECT line_number, content FROM finalized_records ORDER BY 1")
    assert [("memory:",)] == ask("p.db", "SELECT source FROM processing_batches")
    assert not (folder / "new").exists()


def nest(depth):
    """Return lists in lists, so many deep."""
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_bad_data_in_memory_are_refused_by_job_b(runner, folder):
    """No folder is created."""
    refusals = [
        ({"a"}, "input.type"),
        (["a", {"b"}], "input.shape"),
        (b"a", "input.type"),
        (nest(100_000), "input.shape"),
        (nest(900), "input.shape"),  # JSON may be so deep, but Prefect's search through parameters may not
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


def test_a_value_that_is_no_batch_is_refused_by_job_c(runner, folder):
    bounds = "expected an integer between 1 and 2^63 - 1"
    text = "expected a positive integer"
    refusals = [
        (0, "input.id", f"invalid batch id 0: {bounds}"),
        (-1, "input.id", f"invalid batch id -1: {bounds}"),
        (2**63, "input.id", f"invalid batch id 9223372036854775808: {bounds}"),
        (str(2**63), "input.id", f"invalid batch id 9223372036854775808: {bounds}"),
        ("1.0", "input.id", f"invalid batch id '1.0': {text}"),
        ("1_000", "input.id", f"invalid batch id '1_000': {text}"),
        ("٣", "input.id", f"invalid batch id '٣': {text}"),
        ("abc", "input.id", f"invalid batch id 'abc': {text}"),
        ("01", "input.id", f"invalid batch id '01': {text}"),
        (True, "input.type", "expected a batch id, got True"),
        (99, "batch.not_found", f"no batch with id 99 in {folder}/p.db"),
        ("99", "batch.not_found", f"no batch with id 99 in {folder}/p.db"),
    ]

    results = runner().run_many([value for value, *_ in refusals], "C")

    assert [(str(value), *refusal) for value, *refusal in refusals] == [
        (result.input, result.code, result.error) for result in results
    ]


def test_a_number_of_thousands_of_digits_is_refused(runner):
    """Python refuses to convert such a number to text."""
    results = runner().run_many([10**5000, "9" * 5000, -(10**5000)], "C")

    assert ["input.id"] * 3 == [result.code for result in results]
    assert ["memory", "9" * 5000, "memory"] == [result.input for result in results]


@pytest.mark.parametrize("value", [1, "1"])
def test_a_batch_id_may_be_a_number_or_text(runner, sample, value):
    runner().run_until("B", sample)

    result = runner().run_from("C", value)

    assert ("1", 1, {"records": 2}) == (result.input, result.output, result.jobs[0].counts)
