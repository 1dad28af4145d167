"""Records of a document in pieces of whole lines, as they stand in the file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline_jobs.storage.input import BLOCK, make_changed_error

if TYPE_CHECKING:
    from pipeline_jobs.storage.input import Input


def read_pieces(file: "Input", start: int, end: int, longest: int) -> Iterator[bytes]:
    """Yield the bytes between two offsets in pieces of whole lines, without the separators between pieces.

    A line of more than `longest` bytes ends the iteration: the part of it that is held is the last piece.
    """
    file.seek(start)
    left = end - start
    parts: list[bytes] = []
    size = 0
    half = b""  # a comma at the end, which may be half of a separator
    while left > 0:
        block = file.read(min(BLOCK, left))
        if not block:
            raise make_changed_error(file.where)
        left -= len(block)
        # A line may be a thousand blocks long. So only the new block is searched, and all are joined once.
        block = half + block
        half = b"," if left and block.endswith(b",") else b""
        if left and (cut := block.rfind(b",\n")) >= 0:
            parts.append(block[:cut])
            piece = b"".join(parts)
            parts.clear()
            yield piece
            del piece
            block, size = block[cut + 2 :], 0
        parts.append(block[: len(block) - len(half)])
        size += len(parts[-1])
        if size > longest:
            break
    if parts:
        parts[-1] = parts[-1].removesuffix(b"\n")
        piece = b"".join(parts)
        parts.clear()
        yield piece
