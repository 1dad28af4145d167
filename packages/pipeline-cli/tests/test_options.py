"""Options: their declarations, and the advice for one on the wrong side of the command."""

import pytest

from pipeline_cli.cli import cli
from pipeline_orchestration.execution import resume_command

GROUP = "Usage: pipeline [OPTIONS] COMMAND [ARGS]...\nTry 'pipeline --help' for help.\n\n"
RUN = "Usage: pipeline run [OPTIONS] INPUT_DATA...\nTry 'pipeline run --help' for help.\n\n"
DOCTOR = "Usage: pipeline doctor [OPTIONS]\nTry 'pipeline doctor --help' for help.\n\n"


@pytest.mark.parametrize(
    ("arguments", "usage", "name", "example"),
    [
        ("run x --engine local", RUN, "--engine", "--engine local run"),
        ("run x --engine=local", RUN, "--engine", "--engine local run"),
        ("run --engine loca x", RUN, "--engine", "--engine [auto|local|prefect] run"),
        ("run x --engine", RUN, "--engine", "--engine [auto|local|prefect] run"),
        ("run x --log-level OFF", RUN, "--log-level", "--log-level OFF run"),
        ("run x --output-dir out", RUN, "--output-dir", "--output-dir PATH run"),
        ("run x --db-url postgresql://me:secret@host/x", RUN, "--db-url", "--db-url URL run"),
        ("run x --version", RUN, "--version", "--version run"),
        ("doctor --db-path x.db", DOCTOR, "--db-path", "--db-path PATH doctor"),
    ],
)
def test_a_global_option_after_the_command_is_told_where_it_belongs(
    pipeline, arguments, usage, name, example
):
    """A valid choice is repeated; another value is not, as it may hold a password."""
    done = pipeline(*arguments.split())

    message = f"{name} is a global option: write it before the command: pipeline {example} ..."
    assert (2, "", f"{usage}Error: {message} [usage.option]\n") == (done.code, done.out, done.err)


@pytest.mark.parametrize(
    ("arguments", "name", "owners", "example"),
    [
        ("--encoding latin-1 run x", "--encoding", "run", "run --encoding NAME"),
        ("--on-duplicate load run-all x", "--on-duplicate", "run-all", "run-all --on-duplicate load"),
        ("--start-from B run x", "--start-from", "run", "run --start-from TEXT"),
        ("--no-progress run x", "--no-progress", "run", "run --no-progress"),
        ("--cron x list-jobs", "--cron", "deploy, serve", "deploy --cron EXPRESSION"),
        ("--encoding x", "--encoding", "run, run-all, deploy, serve", "run --encoding NAME"),
    ],
)
def test_an_option_before_its_command_is_told_where_it_belongs(pipeline, arguments, name, owners, example):
    """The example has the given command if that takes the option, else the first one that does."""
    done = pipeline(*arguments.split())

    message = f"{name} is an option of {owners}: write it after the command: pipeline {example} ..."
    assert (2, "", f"{GROUP}Error: {message} [usage.option]\n") == (done.code, done.out, done.err)


def test_a_misplaced_option_with_json_is_a_document(pipeline):
    done = pipeline("--json", "run", "x")

    message = "--json is an option of run: write it after the command: pipeline run --json ..."
    error = {"job": None, "code": "usage.option", "message": message, "retriable": False}
    document = {"success": False, "engine": None, "engine_reason": None, "error": error, "runs": []}
    assert (2, document) == (done.code, done.document)


def test_the_resume_command_knows_the_global_options():
    """It writes them before the command, any other behind it."""
    names = [option.name for option in cli.params if option.name != "version"]

    assert names == list(resume_command.GLOBAL_OPTIONS)
