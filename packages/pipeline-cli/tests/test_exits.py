"""Exit codes: what kind of failure a shell is told of."""

import signal

import pytest

from pipeline_cli.exits import exit_code, signalled


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, 0),
        ("internal.ValueError", 1),
        ("usage.unknown_job", 2),
        ("usage", 2),
        ("input.missing", 3),
        ("batch.not_found", 4),
        ("output.no_space", 5),
        ("database.busy", 6),
        ("corrupt.database", 7),
        ("orchestration.failed", 8),
        ("job.timeout", 9),
    ],
)
def test_the_exit_code_is_that_of_the_kind(code, expected):
    """What stands before the dot decides, so that a new code needs no new line here."""
    assert expected == exit_code(code)


@pytest.mark.parametrize("code", ["", "customers.unknown", "inputs.missing"])
def test_a_kind_nobody_knows_is_a_bug(code):
    """A job of a user's own may raise any code."""
    assert 1 == exit_code(code)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGPIPE, 141), (signal.SIGTERM, 143)],
)
def test_a_signal_counts_as_in_a_shell(number, expected):
    assert expected == signalled(number)
