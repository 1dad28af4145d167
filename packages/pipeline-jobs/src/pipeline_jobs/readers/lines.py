"""Lines of text as rows: the default reader."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pipeline_jobs.documents.rows import Row

from .raw_texts import find_fault
from .reader import RowBatch, RowInput
from .text_lines import TextLines


@dataclass(frozen=True)
class Lines:
    """Reads each line that is not blank as a row of one column, `content`.

    Without a record class, job A writes a document of lines of text, and a bad line refuses the file. With a
    record class, whose one field is `content`, a bad line is a reject.
    """

    columns: ClassVar[tuple[str, ...]] = ("content",)

    def read_batches(self, file: RowInput) -> Iterator[RowBatch]:
        """Yield the lines of a file in batches."""
        text = TextLines(file.where, file.encoding, file.max_record_bytes)
        number = 0
        for lines in text.split(file.content.blocks):
            batch = RowBatch([], [], self.columns)
            for line in lines:
                number += 1
                content = line.rstrip("\r\n")
                if reject := find_fault(content, file.max_record_bytes):
                    batch.rejects.append(Row(number, reject=reject))
                elif not content or content.isspace():
                    batch.blank += 1
                else:
                    batch.numbers.append(number)
                    batch.values.append((content,))
            batch.get_raw = partial(_get_raw, batch.values)
            yield batch


def _get_raw(values: list[tuple[str]], index: int) -> str:
    return values[index][0]
