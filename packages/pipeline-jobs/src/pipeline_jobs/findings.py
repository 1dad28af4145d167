"""What an examination finds: a fact, and what is wrong with it or worth doing about it, if anything."""

from dataclasses import dataclass

from .errors import PipelineError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: was looked at, such as ``journal``.
        found: in words; may hold names as they are, for `shown` to escape.
        error: what a run would fail with, if it would.
        hint: what is worth doing where nothing is wrong yet.
    """

    what: str
    found: str
    error: PipelineError | None = None
    hint: str | None = None
