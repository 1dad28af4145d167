"""Run the command, and check that its output has no password, no record and no terminal control."""

import base64
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from prefect_servers import get_server_home
from processes import COMMAND, build_environment
from sweep import require
from terminal import run_and_capture

PASSWORD = "c4n4ry/p@ss"  # noqa: S105  # made up, to search for
USER = "me"
RECORD = "R3c0rdC4n4ry"
# The password as it is, as in a URL, as in an HTTP header, and its first part.
_SECRETS = [
    PASSWORD.encode(),
    quote(PASSWORD, safe="").encode(),
    base64.b64encode(f"{USER}:{PASSWORD}".encode()),
    b"c4n4ry",
]
URL = f"http://{USER}:{quote(PASSWORD, safe='')}@"

# The control sequences of Prefect's and rich's own colours and progress bars.
_ALLOWED = re.compile(r"\r(?:\x1b\[1A)?\x1b\[2K|\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[hl])|\r\n|\n|\t")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_RAW = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class Command:
    """A command to run.

    Args:
        words: arguments; a lone surrogate in one stands for a byte.
        variables: additional environment variables.
        terminal: whether it writes to a terminal.
    """

    words: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    terminal: bool = False


def run_command(folder: Path, command: Command) -> tuple[int, str]:
    """Run a command in a folder, and return its exit code and all of its output."""
    environment = build_environment()
    environment |= {"PREFECT_HOME": str(folder / ".prefect"), "COLUMNS": "200"} | command.variables
    environment |= {"PREFECT_CLIENT_MAX_RETRIES": "1", "PREFECT_API_REQUEST_TIMEOUT": "5"}
    code, text = run_and_capture(
        [COMMAND, *map(os.fsencode, command.words)], folder, environment, terminal=command.terminal
    )
    return code, text.decode("utf-8", "surrogateescape")


def check_terminal_safe(output: str) -> None:
    """Check that an output controls a terminal by the expected sequences only."""
    rest = _ALLOWED.sub("", output)
    found = _RAW.findall(rest) + _BIDI.findall(rest) + re.findall("[\udc80-\udcff]", rest)
    require(not found, f"controls a terminal: {found!r} in {output!r}")
    require("\x1b[5;97;41m" not in output, f"controls a terminal: {output!r}")


def read_files(folder: Path, allowed: Iterable[Path] = ()) -> Iterator[tuple[Path, bytes]]:
    """Yield path and content of each file below a folder, except the allowed ones."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in set(allowed):
            yield path, path.read_bytes()


def check_no_secret(folder: Path, output: str, allowed: Iterable[Path] = ()) -> None:
    """Check that no password is in an output, in a file that was written, or in Prefect's home."""
    text = output.encode("utf-8", "surrogateescape")
    for secret in _SECRETS:
        require(secret not in text, f"printed {secret!r}: {output}")
        for path, content in [*read_files(folder, allowed), *read_files(get_server_home())]:
            require(secret not in content, f"{secret!r} is in {path}")


def check_no_record(output: str) -> None:
    """Check that no record is in an output or in Prefect's home."""
    require(RECORD not in output, f"printed a record: {output}")
    for path, content in read_files(get_server_home()):
        require(RECORD.encode() not in content, f"a record is in {path}")


def describe_output(terminal: bool) -> str:  # noqa: FBT001  # the one thing to describe
    """Return in words where a command writes to."""
    return "into a terminal" if terminal else "into a pipe"


LEVELS = ("INFO", "DEBUG")
