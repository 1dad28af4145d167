"""The bounds of what a definition says about how a job is executed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .definition import JobSpec

LONGEST = 366 * 24 * 3600.0
"""Seconds, a year; of many more, timers and `sleep` overflow."""

_MOST_RETRIES = 50  # Prefect takes no more delays for a task
_MOST_JITTER = 10
_MOST_AT_ONCE = 10_000


def refused(spec: "JobSpec") -> str | None:
    """Return what is out of bounds in a job's policy, and what they are; None if nothing is."""
    delays = spec.retry_delay_seconds
    rules = (
        ("retries", _whole(spec.retries, 0, _MOST_RETRIES), f"a whole number from 0 to {_MOST_RETRIES}"),
        (
            "retry_delay_seconds",
            bool(delays) and all(_within(each, 0, LONGEST) for each in delays)
            if isinstance(delays, Sequence)
            else _within(delays, 0, LONGEST),
            "from 0 s to a year, or a list of such delays",
        ),
        (
            "retry_jitter_factor",
            spec.retry_jitter_factor is None or _within(spec.retry_jitter_factor, 0, _MOST_JITTER),
            f"from 0 to {_MOST_JITTER}",
        ),
        (
            "timeout_seconds",
            spec.timeout_seconds is None
            or (spec.timeout_seconds != 0 and _within(spec.timeout_seconds, 0, LONGEST)),
            "more than 0 s, and a year at most",
        ),
        (
            "concurrency_limit",
            spec.concurrency_limit is None or _whole(spec.concurrency_limit, 1, _MOST_AT_ONCE),
            f"a whole number from 1 to {_MOST_AT_ONCE}",
        ),
    )
    for name, sound, bounds in rules:
        if not sound:
            return f"{name} is {getattr(spec, name)!r}, and has to be {bounds}"
    return None


def _whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _within(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and least <= value <= most
