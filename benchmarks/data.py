"""The files that are loaded: made by a rule, the same on every machine, and kept."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched, chain, cycle, islice
from pathlib import Path

EDITION = 2  # to be raised with a change of the text, so that no file of an older edition is taken for it
LINE = 61  # bytes on average, with the LF
NUMBER = 9  # bytes of a line's number and the space that follows
TEXTS = 10_004  # different ones, a multiple of the 82 lengths
LONG_LINE = 4_000_000  # bytes
FILE_LINES = 100
WORDS = """
the a of and to in for on with between everything account order invoice customer warehouse total note early
late opened closed paid shipped returned delivered 100% e-mail: ok; yes, no.
"""
# One line in eight holds a word of the first, and one in eight a word of the second.
QUOTED = r'"urgent" \path\to'
ABROAD = "naïve café Zürich Ødegård señor façade привет 東京 €9.99"
SELDOM = 0.016  # of all words are from each of them; a line has eight


@dataclass(frozen=True, slots=True)
class Data:
    """Something to load.

    Args:
        name: what it is called in results.
        path: a file, or a folder of files.
        rows: that are in the database when all of it is loaded.
    """

    name: str
    path: Path
    rows: int


def lines_name(count: int) -> str:
    """Return the name of the data that are a file of so many lines."""
    return f"{count:,} lines"


def rows_name(count: int) -> str:
    """Return the name of the data that are the rows of so many lines, as COPY reads them."""
    return f"{count:,} rows"


def long_lines_name(count: int) -> str:
    """Return the name of the data that are a file of so many very long lines."""
    return f"{count:,} lines of {LONG_LINE // 10**6} MB"


def files_name(count: int) -> str:
    """Return the name of the data that are a folder of so many files."""
    return f"{count:,} files of {FILE_LINES} lines"


class Library:
    """Makes data on demand and keeps them.

    Args:
        cache: the folder for what can be made again.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / f"data-{EDITION}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def lines(self, count: int) -> Data:
        """Return a file of lines of text."""
        path = self._kept(f"lines-{count}.txt", lambda path: _write(path, islice(_lines(), count)))
        return Data(lines_name(count), path, count)

    def rows(self, count: int) -> Data:
        """Return a file of the rows that lines of text become: batch, line number and line, for COPY."""
        rows = (
            f"1\t{number}\t{line.replace('\\', '\\\\')}"
            for number, line in enumerate(islice(_lines(), count), 1)
        )
        path = self._kept(f"rows-{count}.tsv", lambda path: _write(path, rows))
        return Data(rows_name(count), path, count)

    def long_lines(self, count: int) -> Data:
        """Return a file of lines of four megabytes."""
        path = self._kept(f"long-{count}.txt", lambda path: _write(path, islice(_long_lines(), count)))
        return Data(long_lines_name(count), path, count)

    def files(self, count: int) -> Data:
        """Return a folder of files of a hundred lines."""
        path = self._kept(f"files-{count}", lambda path: _write_files(path, count))
        return Data(files_name(count), path, count * FILE_LINES)

    def _kept(self, name: str, write: Callable[[Path], None]) -> Path:
        path = self.folder / name
        if not path.exists():
            draft = self.folder / f"{name}.draft"
            write(draft)
            draft.rename(path)
        return path


def _texts() -> list[str]:
    """Return texts that are a line long on average: one is as short as the next is long."""
    chance = random.Random(EDITION)  # the same texts every time
    average = LINE - NUMBER - 1
    lengths = [average + sign * step for step in range(41) for sign in (1, -1)]
    return [_text(chance, length) for _, length in zip(range(TEXTS), cycle(lengths), strict=False)]


def _text(chance: random.Random, length: int) -> str:
    """Return words of so many bytes in all, the last one cut where it does not fit."""
    plain, *seldom = (kind.split() for kind in (WORDS, QUOTED, ABROAD))
    words = [*plain, *chain.from_iterable(seldom)]
    weights = [1 / len(plain)] * len(plain) + [SELDOM / len(kind) for kind in seldom for _ in kind]
    text = " ".join(chance.choices(words, weights, k=length)).encode()[:length].decode(errors="ignore")
    return text.rstrip().ljust(length - len(text.encode()) + len(text), ".")


def _lines() -> Iterator[str]:
    texts = _texts()
    return (f"{number:08d} {text}" for number, text in enumerate(cycle(texts), 1))


def _long_lines() -> Iterator[str]:
    text = " ".join(_texts())
    whole = text * (LONG_LINE // len(text) + 1)
    return (
        f"{number:08d} {whole}".encode()[:LONG_LINE].decode(errors="ignore") for number in range(1, 10**8)
    )


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def _write_files(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number, lines in enumerate(batched(islice(_lines(), count * FILE_LINES), FILE_LINES), 1):
        _write(folder / f"{number:05d}.txt", lines)
