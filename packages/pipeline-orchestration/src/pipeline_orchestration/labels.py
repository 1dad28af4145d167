"""What inputs are called when speaking to a person."""

import os
from contextlib import suppress

from pipeline_jobs import Url, said, shown

from .crossing import in_memory, restored

MEMORY = "memory"
"""What data is called that was handed over in memory."""


def label(text: str) -> str:
    """Return how an input is called, as an engine is given it: a path, or the text it is."""
    return MEMORY if in_memory(text) else said(str(restored(text)))


def said_of(value: object) -> str:
    """Return how a value is called, as a runner is given it; data are not said."""
    match value:
        case Url():
            return shown(str(value))
        case os.PathLike():
            with suppress(TypeError):  # its __fspath__ returns neither text nor bytes
                return shown(os.fsdecode(value))
            return MEMORY
        case str():
            return said(value)
        case int() if abs(value) < 2**100:  # Python does not write out one of more than 4,300 digits
            return str(value)
        case _:
            return MEMORY
