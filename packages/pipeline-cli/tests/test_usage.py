"""Misuse: refused before anything runs, in words, and with --json as a document."""

import os

import pytest

from pipeline_jobs import shown

ODD = os.fsdecode(b"a\x1b[31m\r\n\t\x7f\xff\xc2\x9b")


def usage(command, arguments="[OPTIONS] INPUT_DATA..."):
    return f"Usage: {command} {arguments}\nTry '{command} --help' for help.\n\n"


TABLE = [
    (["run-all"], usage("pipeline run-all"), "usage.option", "Missing argument 'INPUT_DATA...'."),
    (
        ["run", "x", "--busy-timeout", "soon"],
        usage("pipeline run"),
        "usage.option",
        "Invalid value for '--busy-timeout': 'soon' is not a valid float.",
    ),
    (
        ["--engine", "dask", "run", "x"],
        usage("pipeline", "[OPTIONS] COMMAND [ARGS]..."),
        "usage.option",
        "Invalid value for '--engine': 'dask' is not one of 'auto', 'local', 'prefect'.",
    ),
    (
        ["run", "x", "--start-from", "Z"],
        "",
        "usage.unknown_job",
        "pipeline 'text' has no job 'Z'; there are A, B, C",
    ),
    (
        ["run", "x", "--stop-after", "b"],
        "",
        "usage.unknown_job",
        "pipeline 'text' has no job 'b'; did you mean 'B'?",
    ),
    (
        ["run", "x", "--start-from", "C", "--stop-after", "A"],
        "",
        "usage.reversed_range",
        "job 'A' comes before 'C'; the order is A, B, C",
    ),
    (
        ["run", "x", "--busy-timeout", "-1"],
        "",
        "usage.setting",
        "busy_timeout (argument): expected between 0 and 86400 seconds, got -1.0",
    ),
    (
        ["run", "x", "--encoding", "klingon"],
        "",
        "usage.setting",
        "encoding (argument): unknown text encoding 'klingon', try utf-8 or latin-1",
    ),
    (
        ["--pipeline", "own", "run", "x"],
        "",
        "usage.pipeline",
        "'own' is no address of a pipeline; write package.module:attribute or file.py:attribute",
    ),
    (["--pipeline", "no:jobs", "run", "x"], "", "usage.pipeline", "no module 'no', here or installed"),
    (["--pipeline", "no.py:jobs", "run", "x"], "", "usage.pipeline", "{folder}/no.py: no such file"),
]


@pytest.mark.parametrize(("arguments", "help_text", "code", "message"), TABLE)
def test_misuse_is_refused(pipeline, folder, arguments, help_text, code, message):
    message = message.format(folder=folder)

    done = pipeline(*arguments)

    assert (2, "", f"{help_text}Error: {message} [{code}]\n") == (done.code, done.out, done.err)


@pytest.mark.parametrize(("arguments", "help_text", "code", "message"), TABLE)
def test_misuse_is_a_document_too(pipeline, folder, arguments, help_text, code, message):
    """Standard output is one JSON document, whatever happens; a person reads standard error."""
    message = message.format(folder=folder)

    done = pipeline(*arguments, "--json")

    error = {"job": None, "code": code, "message": message, "retriable": False}
    document = {"success": False, "engine": None, "engine_reason": None, "error": error, "runs": []}
    assert (2, document) == (done.code, done.document)
    assert f"{help_text}Error: {message} [{code}]\n" == done.err


@pytest.mark.parametrize("arguments", [["--wrong"], ["-1"], ["--start-from", "A"]], ids=" ".join)
def test_an_unknown_option_is_misuse(pipeline, arguments):
    """Such as `-1`, which is an input only after `--`; the words are Click's."""
    done = pipeline("run-all", *arguments, "x", "--json")

    assert (2, "usage.option") == (done.code, done.document["error"]["code"])
    assert done.document["error"]["message"].startswith("No such option")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run-all", ODD],
        ["run-all", ODD, "sample.txt"],
        ["run-all", ODD, "--json"],
        ["--log-level", "DEBUG", "run-all", ODD],
        ["run-all", f"no {ODD}"],
        ["run", "--start-from", "B", ODD],
        ["run", "--start-from", "C", ODD],
        ["run", "--start-from", ODD, "sample.txt"],
        ["run", f"--{ODD}"],
        ["run", f"-{ODD[1:]}"],
        [f"{ODD}"],
        ["--output-dir", ODD, "run-all", "sample.txt"],
        ["--output-dir", f"to {ODD}", "run-all", ODD],
        ["--db-path", ODD, "run-all", "sample.txt"],
        ["--db-path", "bad.db", "run-all", ODD],
        ["--engine", ODD, "run-all", "sample.txt"],
        ["--pipeline", ODD, "list-jobs"],
        ["--pipeline", f"{ODD}.py:x", "list-jobs"],
        ["--pipeline", f"{ODD}:x", "list-jobs"],
        ["run-all", "sample.txt", "--encoding", ODD],
        ["run-all", "sample.txt", "--busy-timeout", ODD],
    ],
    ids=lambda arguments: shown(" ".join(arguments)),
)
def test_nothing_printed_moves_a_cursor(pipeline, folder, arguments):
    """No control character of a name gets through, nor a byte that is no text: a line stays a line."""
    (folder / ODD).write_text("a\n", encoding="utf-8")
    (folder / "bad.db").mkdir()

    done = pipeline(*arguments)

    assert (done.out + done.err).replace("\n", "").isprintable()
    assert "\\x1b" in (done.out + done.err)
