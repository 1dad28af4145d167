"""The commands: what they accept, what they say of themselves, and that it stands in the README."""

from pathlib import Path

import click
import pytest

from pipeline_cli.commands import cli

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

RUN_OPTIONS = """\
  --concurrency N                 Inputs to work on at a time.
  --task-runner [threads|processes|dask|ray]
                                  Task runner by which Prefect spreads inputs.
  --dask-address URL              Dask cluster to use, as tcp://host:port.
  --ray-address URL               Ray cluster to use, as ray://host:port.
  --on-duplicate [skip|load|error]
                                  What to do with records that a finalized
                                  batch holds already.
  --encoding NAME                 Encoding of the input files.
  --max-record-bytes N            Refuse inputs with a record larger than
                                  this.
  --busy-timeout S                Seconds to wait for a database that is in
                                  use.
  --no-progress                   Show no progress of jobs that take long.
  --json                          Print the results as one JSON document.
  --help                          Show this message and exit.
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
  --engine [auto|local|prefect]   What runs the jobs: Prefect or this process.
                                  Auto is Prefect where an API is configured.
  --pipeline REF                  Pipeline to use, as package.module:attribute
                                  or file.py:attribute.
  --version                       Show the version and exit.
  --help                          Show this message and exit.

Commands:
  deploy     Make a deployment on a Prefect server, for a worker to run.
  doctor     Examine all that a run depends on, and change nothing.
  list-jobs  List all available jobs in the pipeline.
  run        Run the pipeline with flexible start/stop points.
  run-all    Run the complete pipeline (A -> B -> C).
  serve      Make a deployment, and run it from here until Ctrl-C.
""",
    ("list-jobs",): """\
Usage: pipeline list-jobs [OPTIONS]

  List all available jobs in the pipeline.

Options:
  --help  Show this message and exit.
""",
    ("doctor",): """\
Usage: pipeline doctor [OPTIONS]

  Examine all that a run depends on, and change nothing.

Options:
  --json  Print the findings as one JSON document.
  --help  Show this message and exit.
""",
    ("run",): f"""\
Usage: pipeline run [OPTIONS] INPUT_DATA...

  Run the pipeline with flexible start/stop points.

  Arguments:
    INPUT_DATA  Input for the starting job (file path, batch ID, etc.)

Options:
  --start-from TEXT               Job name to start from.
  --stop-after TEXT               Job name to stop after.
{RUN_OPTIONS}""",
    ("run-all",): f"""\
Usage: pipeline run-all [OPTIONS] INPUT_DATA...

  Run the complete pipeline (A -> B -> C).

  Arguments:
    INPUT_DATA  Input for the first job (file path, etc.)

Options:
{RUN_OPTIONS}""",
}


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_help(pipeline, command):
    """The words are those of the CLI reference this project began with, where it had them."""
    done = pipeline(*command, "--help")

    assert (0, HELP[command], "") == (done.code, done.out, done.err)


def test_no_command_is_misuse(pipeline):
    """The help is then an error's, and not what a program reading standard output waits for."""
    done = pipeline()

    assert (2, "", HELP[()]) == (done.code, done.out, done.err)


OPTIONS = [
    pytest.param(option, id=f"{command.name} {option.opts[-1]}")
    for command in (cli, *cli.commands.values())
    for option in command.get_params(click.Context(command))
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_help_and_stands_in_the_readme(option):
    assert option.help.endswith(".")
    assert option.opts[-1] in README


@pytest.mark.parametrize("command", list(cli.commands.values()), ids=lambda command: command.name)
def test_every_command_has_help_and_stands_in_the_readme(command):
    assert command.get_short_help_str(100).endswith(".")
    assert f"pipeline {command.name}" in README


def test_list_jobs(pipeline):
    done = pipeline("list-jobs")

    assert (0, "Available jobs:\n  1. A\n  2. B\n  3. C\n", "") == (done.code, done.out, done.err)


def test_list_jobs_of_a_pipeline_of_ones_own(pipeline, folder):
    (folder / "own.py").write_text(
        "from pipeline_orchestration import PipelineDefinition\n"
        "jobs = PipelineDefinition('own').add_job('größe', lambda run: None)\n",
        encoding="utf-8",
    )

    for address in ("own.py:jobs", "own:jobs", folder / "own.py:jobs"):
        done = pipeline("--pipeline", address, "list-jobs")

        assert (0, "Available jobs:\n  1. größe\n", "") == (done.code, done.out, done.err)


def test_the_version_is_that_of_the_package(pipeline):
    done = pipeline("--version")

    assert (0, "pipeline, version 0.1.0\n", "") == (done.code, done.out, done.err)


def test_each_option_reaches_the_run(pipeline, folder):
    """A folder, a database, an encoding: all as on the command line, and nothing in the default places."""
    (folder / "ÿ.txt").write_bytes(b"gr\xf6\xdfe\n")
    options = ["--log-level", "off", "--output-dir", "out", "--db-path", "db/x.db", "--engine", "local"]

    done = pipeline(*options, "run-all", "ÿ.txt", "--encoding", "latin-1", "--busy-timeout", "0.5")

    assert (0, "") == (done.code, done.err)
    assert '"größe"' in (folder / "out/ÿ_processed.json").read_text(encoding="utf-8")
    assert (folder / "db/x.db").is_file()
    assert not (folder / "data").exists()


def test_a_range_of_jobs_is_run(pipeline, folder):
    done = pipeline("--log-level", "OFF", "run", "sample.txt", "--stop-after", "A")

    path = folder / "data/output/sample_processed.json"
    assert f"sample.txt\n  A        3 records    #.### s  {path}\n" == done.out
    done = pipeline("--log-level", "OFF", "run", path, "--start-from", "B", "--stop-after", "B")
    assert f"{path}\n  B        3 records    #.### s  batch 1\n" == done.out


@pytest.mark.parametrize(("choice", "code", "batch"), [("skip", 0, 1), ("load", 0, 2), ("error", 4, None)])
def test_what_is_done_with_a_duplicate_is_chosen(pipeline, choice, code, batch):
    pipeline("run-all", "sample.txt")

    done = pipeline("run-all", "sample.txt", "--on-duplicate", choice, "--json")

    assert (code, batch) == (done.code, done.document["runs"][0]["batch_id"])
