"""The documents, taken at their word: a reader's commands and programs, run in the order in which they stand.

Each document is read by a new reader, with a fresh copy of the checkout and an empty virtual environment.
A block that is not to be run says why on the line before it: `<!-- not run: it needs a server -->`.
A `text` block right after another is what that one prints; `…` in it stands for anything on its line.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    file for pattern in ("*.md", "examples/*.md", "packages/*/*.md") for file in sorted(ROOT.glob(pattern))
]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """Something to run, with what it prints where the document says it."""

    command: str
    reason: str | None
    expected: str | None


def blocks_of(document: Path) -> list[tuple[int, Block]]:
    """Return a document's blocks to run, each with the number of its first line."""
    text = document.read_text(encoding="utf-8")
    found = list(BLOCK.finditer(text))
    blocks = []
    for block, following in zip_longest(found, found[1:]):
        match block["language"]:
            case "bash":
                command = block["text"]
            case "python":
                command = f"python -c {shlex.quote(block['text'])}"
            case _:
                continue
        adjacent = following and not text[block.end() : following.start()].strip()
        expected = following["text"] if adjacent and following["language"] == "text" else None
        line = text.count("\n", 0, block.start("language")) + 1
        blocks.append((line, Block(command, block["reason"], expected)))
    return blocks


def cases():
    """Make a case of each block, named by its place."""
    for document in DOCUMENTS:
        name = document.relative_to(ROOT).as_posix()
        for line, block in blocks_of(document):
            yield pytest.param(name, block, id=f"{name}:{line}")


class Reader:
    """A shell in a copy of the checkout; like a person's, it remembers its folder and its variables."""

    def __init__(self, home: Path) -> None:
        self.checkout = home / "prefect-pipeline"
        self.memory = home / "memory"
        self.memory.touch()
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
            "\0"
        ):
            if (ROOT / name).is_file():
                copy = self.checkout / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy)
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", home / "venv"], check=True)
        ours = re.compile("COVERAGE|NOX|PIPELINE|PREFECT|PYTEST|PYTHON|UV_PYTHON|UV_PROJECT|VIRTUAL_ENV")
        # Not the tools of this session: what a reader needs, the document has them install.
        path = [
            folder
            for folder in os.environ["PATH"].split(os.pathsep)
            if Path(folder) != Path(sys.prefix, "bin")
        ]
        self.environment = {name: value for name, value in os.environ.items() if not ours.match(name)} | {
            "COLUMNS": "80",
            "HATCH_DATA_DIR": str(home / "hatch"),
            "PATH": os.pathsep.join([str(home / "venv/bin"), *path]),
            "PIP_QUIET": "1",  # its progress stands in no document
            "PREFECT_HOME": str(home / "prefect"),
            "VIRTUAL_ENV": str(home / "venv"),
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where the one before it ended."""
        memory = shlex.quote(str(self.memory))
        script = f"source {memory}; cd \"$PWD\"; trap 'export -p >{memory}' EXIT\n{command}"
        return subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.checkout,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def reader_of(tmp_path_factory):
    """Hand out the reader of a document, by its name."""
    return cache(lambda document: Reader(tmp_path_factory.mktemp(re.sub(r"\W", "_", document))))


def filled(expected: str, printed: str) -> str:
    """Return the expected text, with what is printed in the place of each `…` that it fits."""
    lines = expected.splitlines()
    for number, (line, actual) in enumerate(zip(lines, printed.splitlines(), strict=False)):
        if re.fullmatch(".*".join(map(re.escape, line.split("…"))), actual):
            lines[number] = actual
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.timeout(900)  # a reader may have to install Prefect with pip
@pytest.mark.parametrize(("document", "block"), list(cases()))
def test_block(reader_of, document, block):
    """A block runs as printed, and prints what the document says."""
    if block.reason:
        pytest.skip(block.reason)

    done = reader_of(document).run(block.command)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if block.expected is not None:
        # Where the last line ends, no reader sees.
        assert filled(block.expected, done.stdout).rstrip() == done.stdout.rstrip(), done.stderr


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("took … s\n", "took 0.2 s\n", True),
        ("…\n", "one\ntwo\n", False),
        ("…\ntwo\n", "one\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_an_ellipsis_stands_for_one_line(expected, printed, same):
    """Anything else in an expected text is meant literally."""
    assert same == (filled(expected, printed) == printed)
