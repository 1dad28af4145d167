"""The files to load: generated, the same on every machine, and cached."""

import csv
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched, chain, cycle, islice
from pathlib import Path

from orders import count_bad, make_orders

VERSION = 2  # raise it with each change of the text, so that no older file is used
LINE_BYTES = 61  # on average, with the LF
ORDER_BYTES = 105  # on average
NUMBER_BYTES = 9  # of a line's number and the space after it
TEXTS = 10_004  # different texts; a multiple of the 82 lengths
LONG_LINE = 4_000_000  # bytes
FILE_LINES = 100
WORDS = """
the a of and to in for on with between everything account order invoice customer warehouse total note early
late opened closed paid shipped returned delivered 100% e-mail: ok; yes, no.
"""
# One line in eight has a word of QUOTED, and one in eight a word of FOREIGN.
QUOTED = r'"urgent" \path\to'
FOREIGN = "naïve café Zürich Ødegård señor façade привет 東京 €9.99"
RARE_SHARE = 0.016  # share of all words, for each of the two; a line has eight words


@dataclass(frozen=True, slots=True)
class Dataset:
    """Data to load.

    Args:
        name: its name in results.
        path: a file, or a folder of files.
        rows: number of rows in the database after all of it is loaded.
    """

    name: str
    path: Path
    rows: int


def name_lines(count: int) -> str:
    """Return the name of a file with this number of lines."""
    return f"{count:,} lines"


def name_rows(count: int) -> str:
    """Return the name of a file with the rows of this number of lines, as COPY reads them."""
    return f"{count:,} rows"


def name_long_lines(count: int) -> str:
    """Return the name of a file with this number of very long lines."""
    return f"{count:,} lines of {LONG_LINE // 10**6} MB"


def name_files(count: int) -> str:
    """Return the name of a folder with this number of files."""
    return f"{count:,} files of {FILE_LINES} lines"


def name_orders(count: int, *, bad: bool = False) -> str:
    """Return the name of a CSV file with this number of orders."""
    return f"{count:,} orders, 1 % bad" if bad else f"{count:,} orders"


class DatasetCache:
    """Generates data on demand and caches them.

    Args:
        cache: folder for everything that can be made again.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / f"data-{VERSION}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def lines(self, count: int) -> Dataset:
        """Return a file of lines of text."""
        path = self._get_cached(f"lines-{count}.txt", lambda path: _write(path, islice(_make_lines(), count)))
        return Dataset(name_lines(count), path, count)

    def rows(self, count: int) -> Dataset:
        """Return a file of rows for COPY: batch, line number and line."""
        rows = (
            f"1\t{number}\t{line.replace('\\', '\\\\')}"
            for number, line in enumerate(islice(_make_lines(), count), 1)
        )
        path = self._get_cached(f"rows-{count}.tsv", lambda path: _write(path, rows))
        return Dataset(name_rows(count), path, count)

    def long_lines(self, count: int) -> Dataset:
        """Return a file of lines of four megabytes."""
        path = self._get_cached(
            f"long-{count}.txt", lambda path: _write(path, islice(_make_long_lines(), count))
        )
        return Dataset(name_long_lines(count), path, count)

    def files(self, count: int) -> Dataset:
        """Return a folder of files of a hundred lines."""
        path = self._get_cached(f"files-{count}", lambda path: _write_files(path, count))
        return Dataset(name_files(count), path, count * FILE_LINES)

    def orders(self, count: int, *, bad: bool = False) -> Dataset:
        """Return a CSV file of orders; with `bad`, one in a hundred is not to be loaded."""
        name = f"orders-{count}{'-bad' * bad}.csv"
        path = self._get_cached(name, lambda path: _write_csv(path, make_orders(count, bad=bad)))
        return Dataset(name_orders(count, bad=bad), path, count - bad * count_bad(count))

    def _get_cached(self, name: str, write: Callable[[Path], None]) -> Path:
        path = self.folder / name
        if not path.exists():
            draft = self.folder / f"{name}.draft"
            write(draft)
            draft.rename(path)
        return path


def _make_texts() -> list[str]:
    """Return texts of a line's length on average; short and long ones alternate around it."""
    chance = random.Random(VERSION)  # the same texts every time
    average = LINE_BYTES - NUMBER_BYTES - 1
    lengths = [average + sign * step for step in range(41) for sign in (1, -1)]
    return [_make_text(chance, length) for _, length in zip(range(TEXTS), cycle(lengths), strict=False)]


def _make_text(chance: random.Random, length: int) -> str:
    """Return words with this number of bytes in all; the last word is cut to fit."""
    plain, *rare = (kind.split() for kind in (WORDS, QUOTED, FOREIGN))
    words = [*plain, *chain.from_iterable(rare)]
    weights = [1 / len(plain)] * len(plain) + [RARE_SHARE / len(kind) for kind in rare for _ in kind]
    text = " ".join(chance.choices(words, weights, k=length)).encode()[:length].decode(errors="ignore")
    return text.rstrip().ljust(length - len(text.encode()) + len(text), ".")


def _make_lines() -> Iterator[str]:
    texts = _make_texts()
    return (f"{number:08d} {text}" for number, text in enumerate(cycle(texts), 1))


def _make_long_lines() -> Iterator[str]:
    text = " ".join(_make_texts())
    whole = text * (LONG_LINE // len(text) + 1)
    return (
        f"{number:08d} {whole}".encode()[:LONG_LINE].decode(errors="ignore") for number in range(1, 10**8)
    )


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def _write_csv(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _write_files(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    for number, lines in enumerate(batched(islice(_make_lines(), count * FILE_LINES), FILE_LINES), 1):
        _write(folder / f"{number:05d}.txt", lines)
