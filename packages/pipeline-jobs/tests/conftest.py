"""What the tests of the jobs share."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import HealthCheck, settings
from pipeline_jobs import handwritten, input_file, reading, strict_json

# A slow machine is no fault in the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

type Pieces = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="session")
def pieces_of() -> Pieces:
    """Files are read in blocks of so many bytes, and records come in chunks of so many: every border occurs."""

    @contextmanager
    def small(block: int, chunk: int = handwritten.CHUNK) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (input_file, reading, strict_json):
                patch.setattr(module, "BLOCK", block)
            for module in (handwritten, reading):
                patch.setattr(module, "CHUNK", chunk)
            yield

    return small
