"""Exit codes, by error code and by signal."""

import signal

import pytest

from pipeline_cli.exit_codes import get_exit_code, get_signal_exit_code


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
def test_the_kind_of_an_error_gives_the_exit_code(code, expected):
    """The part before the dot decides, so that a new code needs no new line in the table."""
    assert expected == get_exit_code(code)


@pytest.mark.parametrize("code", ["", "customers.unknown", "inputs.missing"])
def test_an_unknown_kind_exits_with_1(code):
    """A user's own job may raise any code."""
    assert 1 == get_exit_code(code)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGPIPE, 141), (signal.SIGTERM, 143)],
)
def test_a_signal_exits_with_128_and_its_number(number, expected):
    assert expected == get_signal_exit_code(number)
