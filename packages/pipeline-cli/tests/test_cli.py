"""The command line as a whole: help, the README as its reference, and misuse."""

import os
from pathlib import Path

import click
import pytest

from pipeline_cli.cli import cli
from pipeline_jobs.escaping import escape

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ODD = os.fsdecode(b"a\x1b[31m\r\n\t\x7f\xff\xc2\x9b")

SETTINGS = """\
  --param NAME=VALUE              Parameter of the pipeline, see list-jobs;
                                  may be repeated.
  --concurrency N                 Inputs to work on at a time.
  --task-runner [threads|processes|dask|ray]
                                  Prefect task runner that spreads the inputs.
  --dask-address URL              Dask cluster to use, as tcp://host:port.
  --ray-address URL               Ray cluster to use, as ray://host:port.
  --on-duplicate [skip|load|error]
                                  Skip, load or refuse records that a
                                  finalized batch already holds.
  --encoding NAME                 Encoding of the input files.
  --max-rejects N|P%              Rejected rows to allow in an input, as a
                                  number or percentage.
  --max-record-bytes N            Refuse inputs with a record larger than
                                  this.
  --max-unpacked-bytes N          Refuse compressed inputs that unpack to more
                                  than this.
  --max-unpacked-ratio N          Refuse compressed inputs that unpack to more
                                  than this many times their size.
  --busy-timeout S                Seconds to wait for a database that is in
                                  use.
"""
RUN_OPTIONS = f"""\
{SETTINGS}  --no-progress                   Do not show progress.
  --json                          Print the results as one JSON document.
  -h, --help                      Show this message and exit.
"""
DEPLOYMENT_OPTIONS = f"""\
  --cron EXPRESSION               Schedule as a cron expression, e.g. '0 2 * *
                                  *'.
  --interval SECONDS              Seconds from one scheduled run to the next.
  --timezone NAME                 Time zone of the schedule, e.g.
                                  Europe/Vienna.
  --start-from TEXT               Job name to start from.
  --stop-after TEXT               Job name to stop after.
{SETTINGS}  -h, --help                      Show this message and exit.
"""
HELP = {
    (): """\
Usage: pipeline [OPTIONS] COMMAND [ARGS]...

  Run data through a pipeline of jobs: split a file, load its records,
  finalize the batch.

Options:
  --log-level [DEBUG|INFO|WARNING|ERROR|CRITICAL|OFF]
                                  Set logging level. Use 'OFF' to disable.
  --output-dir PATH               Output directory for processed files.
  --db-path PATH                  Path to SQLite database.
  --db-url URL                    URL of a PostgreSQL database.
  --engine [auto|local|prefect]   Run the jobs on Prefect or in this process.
                                  Auto is Prefect where an API is configured.
  --pipeline REF                  Pipeline to use, as package.module:attribute
                                  or file.py:attribute.
  --no-settings-files             Leave out the settings files of the current
                                  folder.
  --version                       Show the version and exit.
  -h, --help                      Show this message and exit.

Commands:
  adopt      Let the pipeline use a database with tables of your own.
  deploy     Create a deployment on a Prefect server, for workers to run.
  doctor     Check everything a run depends on, and change nothing.
  list-jobs  List all available jobs in the pipeline.
  rejects    Show the rejected rows of a batch, each with its reason.
  run        Run the pipeline with flexible start/stop points.
  run-all    Run the complete pipeline (A -> B -> C).
  serve      Create a deployment, and run it from this process until Ctrl-C.
""",
    ("list-jobs",): """\
Usage: pipeline list-jobs [OPTIONS]

  List all available jobs in the pipeline.

Options:
  -h, --help  Show this message and exit.
""",
    ("doctor",): """\
Usage: pipeline doctor [OPTIONS]

  Check everything a run depends on, and change nothing.

Options:
  --param NAME=VALUE  Parameter of the pipeline, see list-jobs; may be
                      repeated.
  --json              Print the findings as one JSON document.
  -h, --help          Show this message and exit.
""",
    ("adopt",): """\
Usage: pipeline adopt [OPTIONS]

  Let the pipeline use a database with tables of your own.

  The tables of the pipeline are made beside yours, which do not change.

Options:
  -h, --help  Show this message and exit.
""",
    ("rejects",): """\
Usage: pipeline rejects [OPTIONS] BATCH

  Show the rejected rows of a batch, each with its reason.

  Arguments:
    BATCH  Id of the batch

Options:
  --limit N   Print at most this many rows; the default is 100.  [x>=1]
  --json      Print the rows as one JSON document.
  -h, --help  Show this message and exit.
""",
    ("run",): f"""\
Usage: pipeline run [OPTIONS] INPUT_DATA...

  Run the pipeline with flexible start/stop points.

  Arguments:
    INPUT_DATA  Input for the starting job (file path, batch ID, etc.)

  - is standard input, and a pipe may be named, if the job takes files. They
  are read to their end first, into a temporary file, in the folder of TMPDIR
  or else /tmp.

Options:
  --start-from TEXT               Job name to start from.
  --stop-after TEXT               Job name to stop after.
{RUN_OPTIONS}""",
    ("run-all",): f"""\
Usage: pipeline run-all [OPTIONS] INPUT_DATA...

  Run the complete pipeline (A -> B -> C).

  Arguments:
    INPUT_DATA  Input for the first job (file path, etc.)

  - is standard input, and a pipe may be named, if the job takes files. They
  are read to their end first, into a temporary file, in the folder of TMPDIR
  or else /tmp.

Options:
{RUN_OPTIONS}""",
    ("deploy",): f"""\
Usage: pipeline deploy [OPTIONS] NAME [INPUT_DATA]...

  Create a deployment on a Prefect server, for workers to run.

  Arguments:
    NAME        Name of the deployment; an existing one is replaced
    INPUT_DATA  Default inputs of its runs

Options:
  --work-pool NAME                Work pool to deploy to; created if missing.
  --job-variable NAME=VALUE       Job variable of the work pool, as JSON or
                                  text; may be repeated.
{DEPLOYMENT_OPTIONS}""",
    ("serve",): f"""\
Usage: pipeline serve [OPTIONS] NAME [INPUT_DATA]...

  Create a deployment, and run it from this process until Ctrl-C.

  Arguments:
    NAME        Name of the deployment; an existing one is replaced
    INPUT_DATA  Default inputs of its runs

Options:
{DEPLOYMENT_OPTIONS}""",
}


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help(pipeline, command, flag):
    """Whole, for every command; run, run-all and list-jobs keep their names and first lines for good."""
    done = pipeline(*command, flag)

    assert (0, HELP[command], "") == (done.code, done.out, done.err)


def test_without_a_command_the_help_goes_to_standard_error(pipeline):
    """It is an error: a program that reads standard output does not expect a help text."""
    done = pipeline()

    assert (2, "", HELP[()]) == (done.code, done.out, done.err)


OPTIONS = [
    pytest.param(option, id=f"{command.name} {max(option.opts, key=len)}")
    for command in (cli, *cli.commands.values())
    for option in command.get_params(click.Context(command, **cli.context_settings))
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_help_and_stands_in_the_readme(option):
    assert option.help.endswith(".")
    assert max(option.opts, key=len) in README


@pytest.mark.parametrize("command", list(cli.commands.values()), ids=lambda command: command.name)
def test_every_command_has_help_and_stands_in_the_readme(command):
    assert command.get_short_help_str(100).endswith(".")
    assert f"pipeline {command.name}" in README


def test_version(pipeline):
    done = pipeline("--version")

    assert (0, "pipeline, version 0.1.0\n", "") == (done.code, done.out, done.err)


def usage(command, arguments="[OPTIONS] INPUT_DATA..."):
    return f"Usage: {command} {arguments}\nTry '{command} --help' for help.\n\n"


MISUSE = [
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
        "busy_timeout (argument): expected a number of seconds from 0 to 86400, got -1.0",
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
        "invalid address of a pipeline 'own': expected package.module:attribute or file.py:attribute",
    ),
    (
        ["--pipeline", "no:jobs", "run", "x"],
        "",
        "usage.pipeline",
        "no module 'no', neither in the current folder nor installed",
    ),
    (["--pipeline", "no.py:jobs", "run", "x"], "", "usage.pipeline", "{folder}/no.py: no such file"),
]


@pytest.mark.parametrize(("arguments", "help_text", "code", "message"), MISUSE)
def test_misuse_is_an_error_message(pipeline, folder, arguments, help_text, code, message):
    message = message.format(folder=folder)

    done = pipeline(*arguments)

    assert (2, "", f"{help_text}Error: {message} [{code}]\n") == (done.code, done.out, done.err)


@pytest.mark.parametrize(("arguments", "help_text", "code", "message"), MISUSE)
def test_misuse_with_json_is_a_document(pipeline, folder, arguments, help_text, code, message):
    """Standard output is one JSON document, whatever happens; the text for a person is on standard error."""
    message = message.format(folder=folder)

    done = pipeline(*arguments, "--json")

    error = {"job": None, "code": code, "message": message, "retriable": False}
    document = {"success": False, "engine": None, "engine_reason": None, "error": error, "runs": []}
    assert (2, document) == (done.code, done.document)
    assert f"{help_text}Error: {message} [{code}]\n" == done.err


@pytest.mark.parametrize("arguments", [["--wrong"], ["-1"], ["--start-from", "A"]], ids=" ".join)
def test_an_unknown_option_is_misuse(pipeline, arguments):
    """Such as `-1`, which is an input only after `--`. The message is Click's."""
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
    ids=lambda arguments: escape(" ".join(arguments)),
)
def test_names_are_escaped_when_printed(pipeline, folder, arguments):
    """No control character and no undecodable byte of a name reaches the terminal."""
    (folder / ODD).write_text("a\n", encoding="utf-8")
    (folder / "bad.db").mkdir()

    done = pipeline(*arguments)

    assert (done.out + done.err).replace("\n", "").isprintable()
    assert "\\x1b" in (done.out + done.err)


def test_every_command_is_tested_for_its_help():
    assert {(name,) for name in cli.commands} | {()} == HELP.keys()
