"""Tests that run the commands and programs of the documents, in the order of each document.

Each document has a fresh copy of the checkout and an empty virtual environment.
A block that must not run gives its reason on the line before it: `<!-- not run: it needs a server -->`.
A `text` block right after another block is its expected output; `…` in it matches anything on its line.
A `python` block after the line "Save as `name.py`:" is not run but saved in the current folder.
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
    file
    for pattern in ("*.md", "docs/*.md", "examples/*.md", "packages/*/*.md")
    for file in sorted(ROOT.glob(pattern))
]
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n|Save as `(?P<file>[\w.]+)`:\n\n)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block to run, with its expected output if the document shows it."""

    command: str
    reason: str | None
    expected: str | None


def parse_blocks(document: Path) -> list[tuple[int, Block]]:
    """Return the blocks to run of a document, each with the number of its first line."""
    text = document.read_text(encoding="utf-8")
    found = list(BLOCK.finditer(text))
    blocks = []
    for block, following in zip_longest(found, found[1:]):
        match block["language"]:
            case "bash":
                command = block["text"]
            case "python" if block["file"]:
                command = f"cat > {block['file']} <<'END OF FILE'\n{block['text']}END OF FILE\n"
            case "python":
                command = f"python -c {shlex.quote(block['text'])}"
            case _:
                continue
        adjacent = following and not text[block.end() : following.start()].strip()
        expected = following["text"] if adjacent and following["language"] == "text" else None
        line = text.count("\n", 0, block.start("language")) + 1
        blocks.append((line, Block(command, block["reason"], expected)))
    return blocks


def make_cases():
    """Yield a test case for each block, named by document and line."""
    for document in DOCUMENTS:
        name = document.relative_to(ROOT).as_posix()
        for line, block in parse_blocks(document):
            yield pytest.param(name, block, id=f"{name}:{line}")


class Reader:
    """A shell in a copy of the checkout that keeps its current folder and variables between commands."""

    def __init__(self, home: Path) -> None:
        self.checkout = home / "prefect-pipeline"
        self.state = home / "state"
        self.state.touch()
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
            "\0"
        ):
            if (ROOT / name).is_file():
                copy = self.checkout / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy)
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", home / "venv"], check=True)
        own = re.compile("COVERAGE|NOX|PIPELINE|PREFECT|PYTEST|PYTHON|UV_PYTHON|UV_PROJECT|VIRTUAL_ENV")
        # Without the tools of this session: a document has to install what it needs.
        path = [
            folder
            for folder in os.environ["PATH"].split(os.pathsep)
            if Path(folder) != Path(sys.prefix, "bin")
        ]
        self.environment = {name: value for name, value in os.environ.items() if not own.match(name)} | {
            "COLUMNS": "80",
            "HATCH_DATA_DIR": str(home / "hatch"),
            "PATH": os.pathsep.join([str(home / "venv/bin"), *path]),
            "PIP_COMPILE": "0",  # Python compiles the few modules that a document uses when it imports them
            "PIP_QUIET": "1",  # no document shows its progress
            "PREFECT_HOME": str(home / "prefect"),
            "VIRTUAL_ENV": str(home / "venv"),
        }

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder and with the variables that the last one left."""
        state = shlex.quote(str(self.state))
        script = f"source {state}; cd \"$PWD\"; trap 'export -p >{state}' EXIT\n{command}"
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
def get_reader(tmp_path_factory):
    """Return a function that returns the reader of a document by name."""
    return cache(lambda document: Reader(tmp_path_factory.mktemp(re.sub(r"\W", "_", document))))


def fill_ellipses(expected: str, printed: str) -> str:
    """Return the expected text with each line that has a `…` replaced by the printed line that it matches."""
    lines = expected.splitlines()
    for number, (line, actual) in enumerate(zip(lines, printed.splitlines(), strict=False)):
        if re.fullmatch(".*".join(map(re.escape, line.split("…"))), actual):
            lines[number] = actual
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.timeout(900)  # a reader may have to install Prefect with pip
@pytest.mark.parametrize(("document", "block"), list(make_cases()))
def test_block(get_reader, document, block):
    """A block runs as it is, and prints what the document shows."""
    if block.reason:
        pytest.skip(block.reason)

    done = get_reader(document).run(block.command)

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    if block.expected is not None:
        # A reader does not see whether the last line has an end.
        assert fill_ellipses(block.expected, done.stdout).rstrip() == done.stdout.rstrip(), done.stderr


def test_the_readme_shows_the_example_that_it_runs():
    _, _, code = (ROOT / "examples" / "orders.py").read_text(encoding="utf-8").partition('"""\n\n')

    assert code
    assert f"```python\n{code}```" in (ROOT / "README.md").read_text(encoding="utf-8")


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
def test_an_ellipsis_matches_within_one_line(expected, printed, same):
    """All other characters of an expected text match literally."""
    assert same == (fill_ellipses(expected, printed) == printed)
