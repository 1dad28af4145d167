"""How processes that we start find the password of the database: what they are sent is without it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .config import PipelineConfig

_VARIABLE = "PIPELINE_DB_URL"


def password_for_children(config: PipelineConfig) -> dict[str, str]:
    """Return what is to be in the environment of processes we start."""
    url = config.db_url
    return {_VARIABLE: url.with_password} if url and url.has_password else {}


@contextmanager
def children_with_password(config: PipelineConfig) -> Iterator[None]:
    """Have processes that are started in the block find the password of the database."""
    before = os.environ.get(_VARIABLE)
    os.environ.update(password_for_children(config))
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
