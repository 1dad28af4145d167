"""Fixtures shared by the tests of the jobs."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import HealthCheck, settings

from pipeline_jobs import InputError, Record, Source
from pipeline_jobs.documents import handwritten, pieces, reader, strict_json
from pipeline_jobs.documents.records import Chunk, Document
from pipeline_jobs.documents.writer import DocumentWriter
from pipeline_jobs.storage import content, decompression
from pipeline_jobs.storage.input import LocalInput

# No deadline: a slow machine is not a bug.
settings.register_profile(
    "unhurried", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

type Outcome = tuple[Source | None, list[Record]] | str


@pytest.fixture(scope="session")
def set_block_size() -> Callable[..., AbstractContextManager[None]]:
    """Make blocks and chunks small in a ``with`` block, so that their borders fall everywhere."""

    @contextmanager
    def set_size(block: int, chunk: int = handwritten.CHUNK) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (content, decompression, pieces, strict_json):
                patch.setattr(module, "BLOCK", block)
            patch.setattr(handwritten, "CHUNK", chunk)
            yield

    return set_size


@pytest.fixture(scope="session")
def records() -> list[Record]:
    """Two hundred records, each followed by a blank line."""
    return [Record(n, f'{n}: größe "{"x" * (n % 7)}" \\ \t 🎉') for n in range(1, 400, 2)]


@pytest.fixture(scope="session")
def document() -> Callable[[Sequence[Record]], bytes]:
    """A function that writes records as a document of the source ``file:///data/x.txt``."""

    def write(records: Sequence[Record]) -> bytes:
        stream = io.BytesIO()
        writer = DocumentWriter(stream, Source("file:///data/x.txt", "x.txt"))
        if records:
            writer.write(Chunk(records))
        writer.finish(38, 64 * "a")
        return stream.getvalue()

    return write


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """A function that reads a document from a file; it returns source and records, or the error's code."""
    path = tmp_path_factory.mktemp("documents") / "x.json"

    def read_content(content: bytes | str, read: Callable[..., Document] = reader.read_file) -> Outcome:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            with LocalInput(path) as file:
                found = read(file)
                return found.source, [record for chunk in found.chunks for record in chunk]
        except InputError as error:
            return error.code

    return read_content


@pytest.fixture
def bucket():
    """The memory file system of fsspec, which is one for the whole process; emptied."""
    system = pytest.importorskip("fsspec").filesystem("memory")
    system.rm("/", recursive=True)
    yield system
    system.rm("/", recursive=True)


@pytest.fixture
def failures(bucket):
    """The errors that the store ``failing://`` raises, by operation: info, read, write or move."""
    from fsspec import register_implementation
    from fsspec.implementations.memory import MemoryFileSystem

    class FailingFileSystem(MemoryFileSystem):
        protocol = "failing"
        failures = {}

        @classmethod
        def _strip_protocol(cls, path):
            return MemoryFileSystem._strip_protocol(path.replace("failing://", "memory://"))

        def info(self, path, **kwargs):
            self._fail("info")
            return super().info(path, **kwargs)

        def open(self, path, mode="rb", **kwargs):
            self._fail("read" if mode == "rb" else "write")
            return super().open(path, mode, **kwargs)

        def mv(self, path1, path2, **kwargs):
            self._fail("move")
            super().mv(path1, path2, **kwargs)

        def _fail(self, operation):
            if error := self.failures.get(operation):
                raise error

    register_implementation("failing", FailingFileSystem, clobber=True)
    return FailingFileSystem.failures
