"""What the tests of the jobs share."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import HealthCheck, settings

from pipeline_jobs import (
    Chunk,
    InputError,
    Record,
    Source,
    compression,
    handwritten,
    input_file,
    reading,
    strict_json,
)
from pipeline_jobs.document import Writer

# A slow machine is no fault in the code.
settings.register_profile(
    "unhurried", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

type Outcome = tuple[Source | None, list[Record]] | str


@pytest.fixture(scope="session")
def pieces_of() -> Callable[..., AbstractContextManager[None]]:
    """Files are read in blocks of so many bytes, records come in chunks of so many: every border occurs."""

    @contextmanager
    def small(block: int, chunk: int = handwritten.CHUNK) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (compression, reading, strict_json):
                patch.setattr(module, "BLOCK", block)
            for module in (handwritten, reading):
                patch.setattr(module, "CHUNK", chunk)
            yield

    return small


@pytest.fixture(scope="session")
def records() -> list[Record]:
    """Two hundred records, after each of them a blank line."""
    return [Record(n, f'{n}: größe "{"x" * (n % 7)}" \\ \t 🎉') for n in range(1, 400, 2)]


@pytest.fixture(scope="session")
def document() -> Callable[[Sequence[Record]], bytes]:
    """Lays records out as ours, from the source ``file:///data/x.txt``."""

    def written(records: Sequence[Record]) -> bytes:
        stream = io.BytesIO()
        writer = Writer(stream, Source("file:///data/x.txt", "x.txt"))
        if records:
            writer.write(Chunk(records))
        writer.finish(38, 64 * "a")
        return stream.getvalue()

    return written


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """Reads a document from a file: its source and its records, or the error's code."""
    path = tmp_path_factory.mktemp("documents") / "x.json"

    def outcome(content: bytes | str, how: Callable[..., reading.Document] = reading.read_file) -> Outcome:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            with input_file.InputFile(path) as file:
                found = how(file)
                return found.source, [record for chunk in found.chunks for record in chunk]
        except InputError as error:
            return error.code

    return outcome


@pytest.fixture
def bucket():
    """A folder in fsspec's store in memory, which lives as long as the process, and what fills it."""
    system = pytest.importorskip("fsspec").filesystem("memory")
    system.rm("/", recursive=True)
    yield system
    system.rm("/", recursive=True)


@pytest.fixture
def troubled(bucket):
    """A store that raises what it is given, by the name of what it is asked for."""
    from fsspec import register_implementation
    from fsspec.implementations.memory import MemoryFileSystem

    class TroubledFileSystem(MemoryFileSystem):
        protocol = "troubled"
        trouble = {}

        @classmethod
        def _strip_protocol(cls, path):
            return MemoryFileSystem._strip_protocol(path.replace("troubled://", "memory://"))

        def info(self, path, **kwargs):
            self._meet("info")
            return super().info(path, **kwargs)

        def open(self, path, mode="rb", **kwargs):
            self._meet("read" if mode == "rb" else "write")
            return super().open(path, mode, **kwargs)

        def mv(self, path1, path2, **kwargs):
            self._meet("move")
            super().mv(path1, path2, **kwargs)

        def _meet(self, what):
            if error := self.trouble.get(what):
                raise error

    register_implementation("troubled", TroubledFileSystem, clobber=True)
    return TroubledFileSystem.trouble
