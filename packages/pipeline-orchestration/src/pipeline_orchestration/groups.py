"""Inputs in groups: how many go together to another process, and whether that is worth starting one."""

import os
from collections.abc import Iterator, Sequence

from .crossing import FILE, restored
from .definition import PipelineDefinition
from .sources import TEXT_PIPELINE

MANY = 100
"""Inputs, beyond which a line for each job of each is more than a person reads."""

# Seconds that the text pipeline takes for a file and for a byte, and until processes are at work.
_PER_FILE = 0.004
_PER_BYTE = 1 / 25_000_000
_START = 0.8


def grouped(inputs: Sequence[str], count: int, size: int) -> Iterator[list[int]]:
    """Yield the positions of inputs in groups of up to so many, and of so many bytes where they are files."""
    group: list[int] = []
    total = 0
    for position, text in enumerate(inputs):
        total += file_size(text)
        if group and (len(group) == count or total > size):
            yield group
            group, total = [], file_size(text)
        group.append(position)
    if group:
        yield group


def file_size(text: str) -> int:
    """Return the bytes of the file that a text stands for; 0 where it is none, or away."""
    if text.startswith(FILE):
        try:
            return os.stat(str(restored(text))).st_size  # noqa: PTH116  # the quickest, for many files
        except (OSError, ValueError):
            return 0
    return 0


def pays(pipeline: PipelineDefinition | str, inputs: Sequence[str]) -> bool:
    """Return whether inputs are worth starting processes; for a pipeline of a user's own, all are."""
    if pipeline != TEXT_PIPELINE:
        return len(inputs) > 1
    seconds = _PER_FILE * len(inputs) + _PER_BYTE * sum(map(file_size, inputs))
    return len(inputs) > 1 and seconds > _START
