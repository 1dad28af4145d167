"""Physical lines of a text file, with their ends, in bounded memory; undecodable bytes stay in them."""

import codecs
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain

from pipeline_jobs.documents.content_hints import HEAD
from pipeline_jobs.documents.splitter import make_undecodable_error

# In these, a bad byte may shift all that follows: the file as a whole is refused.
_STRICT = ("utf-16", "utf-32", "utf-7", "iso2022", "hz")
_LINE_ENDS = ("\n", "\r")


class _PendingLine:
    """The start of a line that has not ended yet; see `TextLines` for its arguments.

    Of what is beyond the limit, two facts are kept: whether its quotes are odd in number, and whether its
    last character takes the meaning from the line end.
    """

    def __init__(self, max_characters: int, delimiter: str, quote: str, escape: str) -> None:
        self._most = max_characters + 1
        self._delimiter = delimiter
        self._quote = quote
        self._escape = escape
        self._escaped_pair = re.compile(f"{re.escape(escape)}.", re.DOTALL) if escape else None
        self._is_cut = False
        self._dropped_quotes = 0
        self._ends_in_escape = False
        self.text = ""

    def add(self, text: str) -> None:
        """Append to the line; what is beyond the limit is dropped."""
        kept = max(0, self._most - len(self.text))
        if self._escape and len(text) > kept and not self._is_cut:
            start = self.text + text[:kept]
            kept += (
                len(start) - len(start.rstrip(self._escape))
            ) % 2  # a character and its escape stay together
        self.text += text[:kept]
        if len(text) > kept:
            self._drop(text[kept:])

    def _drop(self, text: str) -> None:
        self._is_cut = True
        if self._escaped_pair:
            text = self._escaped_pair.sub("", text[self._ends_in_escape :])
            self._ends_in_escape = text.endswith(self._escape)
        if self._quote:
            self._dropped_quotes += text.count(self._quote)

    def end(self, text: str) -> str:
        """Append the end of the line, and return the whole line; the next one begins."""
        if self._is_cut or len(self.text) + len(text) > self._most:
            content = text.rstrip("\r\n")
            self.add(content)
            text = text[len(content) :]
            # Behind a delimiter, a quote opens a field where none is open; where one is, it closes it.
            if self._ends_in_escape:
                text = self._delimiter + self._escape + text
            if self._dropped_quotes % 2:
                text = self._delimiter + self._quote + text
        line = self.text + text
        self.text, self._is_cut, self._dropped_quotes, self._ends_in_escape = "", False, 0, False
        return line


class TextLines:
    """Decodes blocks of bytes and splits them into lines, which end at LF, CRLF and CR only.

    A byte that cannot be decoded becomes a lone surrogate, as by ``surrogateescape``.

    Args:
        where: the file as errors name it.
        encoding: as `parse_encoding` returns it; a byte order mark at the start is dropped.
        max_characters: limit on a line; of a longer one, one character more is kept.
        delimiter, quote, escape: those of `Csv`, if it reads the lines. What the rest of a longer line opens
            or closes by them is opened or closed in what is kept, if its quotes are not wrong anyway.

    Attributes:
        is_clean: whether the lines of the last block had neither a NUL nor undecodable bytes.
        longest: characters of the longest line so far, counted roughly.
    """

    def __init__(
        self,
        where: str,
        encoding: str,
        max_characters: int,
        *,
        delimiter: str = "",
        quote: str = "",
        escape: str = "",
    ) -> None:
        self.where = where
        self.encoding = encoding
        self.max_characters = max_characters
        self._pending = _PendingLine(max_characters, delimiter, quote, escape)
        self.is_clean = True
        self.longest = 0
        self._lines = 0

    def split(self, blocks: Iterable[bytes]) -> Iterator[list[str]]:
        """Yield the lines that each block completes.

        Raises:
            InputError: ``input.undecodable``: in an encoding where what follows could not be decoded either.
        """
        errors = "strict" if self.encoding.startswith(_STRICT) else "surrogateescape"
        codec = "utf-8-sig" if self.encoding == "utf-8" else self.encoding  # drops a byte order mark
        decoder = codecs.getincrementaldecoder(codec)(errors)
        pending = self._pending
        half, decoded, head = "", 0, b""  # a CR that may be half of a CRLF
        for block in chain(blocks, [b""]):  # at the empty block, the decoder reports what was cut off
            head = head or block[:HEAD]
            try:
                text = half + decoder.decode(block, final=not block)
            except UnicodeError as error:
                offset = decoded + getattr(error, "start", 0)
                line = self._lines + 1
                raise make_undecodable_error(self.where, offset, line, self.encoding, head) from error
            decoded += len(block)
            half = "\r" if block and text.endswith("\r") else ""
            text = text[: len(text) - len(half)]
            self.is_clean = _is_clean(pending.text, text)
            lines = list(StringIO(text, newline=""))
            last = lines.pop() if lines and not lines[-1].endswith(_LINE_ENDS) else ""
            if lines:
                lines[0] = pending.end(lines[0])
                self._lines += len(lines)
                self.longest = max(self.longest, *map(len, lines))
                yield lines
            pending.add(last)
        if pending.text:
            self.longest = max(self.longest, len(pending.text))
            yield [pending.end("")]


def _is_clean(*texts: str) -> bool:
    """Return whether texts have neither a NUL nor undecodable bytes."""
    try:
        return all(text.isascii() or text.encode() is not None for text in texts) and not any(
            "\0" in text for text in texts
        )
    except UnicodeEncodeError:
        return False
