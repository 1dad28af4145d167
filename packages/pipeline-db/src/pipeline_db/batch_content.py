"""Contents of a batch as it is loaded: lines of text, or typed rows and rejects."""

from collections.abc import Callable, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Protocol

from msgspec import UNSET

from pipeline_jobs import Record, RecordsDigest

from .backend import Backend, EncodedRecords, RowTable
from .models import ProcessedRecord, RejectedRecord, get_table_name
from .queries import SUMS

if TYPE_CHECKING:
    from pipeline_jobs.documents.rows import Row, RowChunk, Schema, Sums

LINES: str = get_table_name(ProcessedRecord)
"""The target of lines, and of typed rows without a model."""

REJECTS = RowTable(
    get_table_name(RejectedRecord),
    ("job", "kind", "column_name", "reason", "raw"),
)
type EncodeRows = Callable[[int, Sequence[Row[object]]], list[EncodedRecords]]
"""Encodes rows of a batch for the tables of its target."""


class Content[Chunk: Sized](Protocol):
    """The content of a batch: it describes the batch, and encodes each chunk.

    Attributes:
        described: values of columns of the batch that are known before the first chunk.
        is_encoded_ahead: whether a chunk is encoded in a thread while the one before is inserted; that pays
            only where inserting lets other threads run.
    """

    described: Mapping[str, object]
    is_encoded_ahead: bool

    @property
    def counted(self) -> tuple[int, int, str]:
        """The numbers of records and of rejects so far, and the hash of both."""

    def update(self, chunk: Chunk) -> object:
        """Count and hash the next chunk."""

    def encode(self, batch_id: int, chunk: Chunk) -> list[EncodedRecords]:
        """Encode a chunk for `Transaction.insert_records`, table by table."""


class Lines:
    """Records: lines of text."""

    is_encoded_ahead = True
    described: Mapping[str, object] = {
        "target": LINES,
        "schema_name": None,
        "schema_fingerprint": None,
        **dict.fromkeys(SUMS),
    }

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._digest = RecordsDigest()
        self.update = self._digest.update

    @property
    def counted(self) -> tuple[int, int, str]:
        """The number of records, no rejects, and the hash."""
        return self._digest.count, 0, self._digest.sha256

    def encode(self, batch_id: int, chunk: Sequence[Record]) -> list[EncodedRecords]:
        """Encode records."""
        return [self._backend.encode_records(batch_id, chunk)]


class Rows:
    """Typed rows, and the rejects among them.

    Args:
        backend: the database.
        target: the name of the table that the rows go to.
        schema: of the rows.
        sums: what became of the rows of the source.
        encode_rows: encodes rows for the tables of the target.
    """

    is_encoded_ahead = False

    def __init__(
        self, backend: Backend, target: str, schema: "Schema", sums: "Sums", encode_rows: EncodeRows
    ) -> None:
        self._backend = backend
        self._encode_rows = encode_rows
        from pipeline_jobs.documents.rows import RowsDigest  # noqa: PLC0415  # lines of text need none of it

        self._digest = RowsDigest()
        self.update = self._digest.update
        counts = dict(zip(SUMS, (sums.read, sums.rejected, sums.blank, sums.dropped), strict=True))
        self.described: Mapping[str, object] = {
            "target": target,
            "schema_name": schema.name,
            "schema_fingerprint": schema.fingerprint,
            "record_count": sums.loaded,
            **counts,
        }

    @property
    def counted(self) -> tuple[int, int, str]:
        """The numbers of rows and of rejects, and the hash."""
        return self._digest.loaded, self._digest.rejected, self._digest.sha256

    def encode(self, batch_id: int, chunk: "RowChunk") -> list[EncodedRecords]:
        """Encode rows and rejects."""
        encoded = self._encode_rows(batch_id, chunk.rows) if chunk.rows else []
        if chunk.rejects:
            numbers = [row.line_number for row in chunk.rejects]
            rejects = [row.reject for row in chunk.rejects if row.reject is not UNSET]
            columns: list[Sequence[object]] = [
                [reject.job for reject in rejects],
                [str(reject.kind) for reject in rejects],
                [reject.column for reject in rejects],
                [reject.reason for reject in rejects],
                [reject.raw for reject in rejects],
            ]
            encoded.append(self._backend.encode_rows(REJECTS, batch_id, numbers, columns))
        return encoded
