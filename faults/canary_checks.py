"""What the command says, and checks that no password, no record and no steering of a terminal is in it."""

import base64
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from children import COMMAND
from prefect_servers import server_home
from sweep import must
from terminal import written

PASSWORD = "c4n4ry/p@ss"  # noqa: S105  # made up, to be looked for
USER = "me"
RECORD = "R3c0rdC4n4ry"
# Where a URL has it, and where a header of HTTP does.
_SECRETS = [
    PASSWORD.encode(),
    quote(PASSWORD, safe="").encode(),
    base64.b64encode(f"{USER}:{PASSWORD}".encode()),
    b"c4n4ry",
]
URL = f"http://{USER}:{quote(PASSWORD, safe='')}@"

# What Prefect's and rich's own colours and bars are made of.
_OWN = re.compile(r"\r(?:\x1b\[1A)?\x1b\[2K|\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[hl])|\r\n|\n|\t")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_RAW = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class Try:
    """A command to run.

    Args:
        words: its arguments; a lone surrogate in one stands for a byte.
        variables: of the environment.
        terminal: whether it writes to one.
    """

    words: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    terminal: bool = False


def said_by(folder: Path, one: Try) -> tuple[int, str]:
    """Run a command in a folder, and return its exit code and all that it said."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "PREFECT_"))
    }
    environment |= {"PREFECT_HOME": str(folder / ".prefect"), "COLUMNS": "200"} | one.variables
    environment |= {"PREFECT_CLIENT_MAX_RETRIES": "1", "PREFECT_API_REQUEST_TIMEOUT": "5"}
    code, text = written([COMMAND, *map(os.fsencode, one.words)], folder, environment, terminal=one.terminal)
    return code, text.decode("utf-8", "surrogateescape")


def clean(said: str) -> None:
    """Make sure that nothing steers a terminal but what is our own."""
    rest = _OWN.sub("", said)
    found = _RAW.findall(rest) + _BIDI.findall(rest) + re.findall("[\udc80-\udcff]", rest)
    must(not found, f"steers a terminal: {found!r} in {said!r}")
    must("5;97;41m" not in said or "\x1b[5;97;41m" not in said, f"steers a terminal: {said!r}")


def files(folder: Path, allowed: Iterable[Path] = ()) -> Iterator[tuple[Path, bytes]]:
    """Yield all files below a folder but those allowed to hold anything, with what is in them."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in set(allowed):
            yield path, path.read_bytes()


def keeps_secret(folder: Path, said: str, allowed: Iterable[Path] = ()) -> None:
    """Make sure that no password is in what was said, in a file that was written, or with Prefect."""
    text = said.encode("utf-8", "surrogateescape")
    for secret in _SECRETS:
        must(secret not in text, f"said {secret!r}: {said}")
        for path, content in [*files(folder, allowed), *files(server_home())]:
            must(secret not in content, f"{secret!r} is in {path}")


def unrecorded(said: str) -> None:
    """Make sure that no record is in what was said, or with Prefect."""
    must(RECORD not in said, f"said a record: {said}")
    for path, content in files(server_home()):
        must(RECORD.encode() not in content, f"a record is in {path}")


def sink(terminal: bool) -> str:  # noqa: FBT001  # what it is asked about
    """Return where a command writes to, in words."""
    return "into a terminal" if terminal else "into a pipe"


LEVELS = ("INFO", "DEBUG")
