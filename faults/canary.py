"""Secrets, and what steers a terminal, wherever a person can put them: neither may come out again."""

import base64
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, product, zip_longest
from pathlib import Path
from random import Random
from urllib.parse import quote

from children import COMMAND
from prefect_proxy import proxied, status
from prefect_servers import home, server_home, server_url
from sweep import BrokenError, Point, Sweep, must
from terminal import written

_PASSWORD = "c4n4ry/p@ss"  # noqa: S105  # made up, to be looked for
_USER = "me"
_RECORD = "R3c0rdC4n4ry"
# Where a URL has it, and where a header of HTTP does.
_SECRETS = [
    _PASSWORD.encode(),
    quote(_PASSWORD, safe="").encode(),
    base64.b64encode(f"{_USER}:{_PASSWORD}".encode()),
    b"c4n4ry",
]
_URL = f"http://{_USER}:{quote(_PASSWORD, safe='')}@"

# A name that steers a terminal, by every way there is to do so; bytes that are no UTF-8 come last.
_STEERING = (
    "\x1b[5;97;41mloud",
    "\x1b]0;title\x07",
    "new\nline",
    "carriage\rreturn",
    "bell\x07",
    "delete\x7f",
    "\x9b5;97;41mC1",
    "\x9d0;title\x9c",
    "\u202eright to left",
    "\u2066isolated",
    "\u2028line separator",
    "back\x08\x08space",
    "\udc9b5;97;41mbytes",
)
# What Prefect's and rich's own colours and bars are made of.
_OWN = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[hl])|\r\n|\n|\t")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_RAW = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(slots=True)
class _Try:
    """A command to run.

    Args:
        words: its arguments; a lone surrogate in one stands for a byte.
        variables: of the environment.
        terminal: whether it writes to one.
    """

    words: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    terminal: bool = False


def _written(folder: Path, one: _Try) -> tuple[int, str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "PREFECT_"))
    }
    environment |= {"PREFECT_HOME": str(folder / ".prefect"), "COLUMNS": "200"} | one.variables
    environment |= {"PREFECT_CLIENT_MAX_RETRIES": "1", "PREFECT_API_REQUEST_TIMEOUT": "5"}
    code, text = written([COMMAND, *map(os.fsencode, one.words)], folder, environment, terminal=one.terminal)
    return code, text.decode("utf-8", "surrogateescape")


def _clean(said: str) -> None:
    """Make sure that nothing steers a terminal but what is our own."""
    rest = _OWN.sub("", said)
    found = _RAW.findall(rest) + _BIDI.findall(rest) + re.findall("[\udc80-\udcff]", rest)
    must(not found, f"steers a terminal: {found!r} in {said!r}")
    must("5;97;41m" not in said or "\x1b[5;97;41m" not in said, f"steers a terminal: {said!r}")


def _within(folder: Path, allowed: Iterable[Path] = ()) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and path not in set(allowed):
            yield path, path.read_bytes()


def _secret(folder: Path, said: str, allowed: Iterable[Path] = ()) -> None:
    """Make sure that no password is in what was said, in a file that was written, or with Prefect."""
    text = said.encode("utf-8", "surrogateescape")
    for secret in _SECRETS:
        must(secret not in text, f"said {secret!r}: {said}")
        for path, content in [*_within(folder, allowed), *_within(server_home())]:
            must(secret not in content, f"{secret!r} is in {path}")


def _unrecorded(said: str) -> None:
    """Make sure that no record is in what was said, or with Prefect."""
    must(_RECORD not in said, f"said a record: {said}")
    for path, content in _within(server_home()):
        must(_RECORD.encode() not in content, f"a record is in {path}")


# Passwords ------------------------------------------------------------------------------------------------


def _settings_file(folder: Path, place: str, url: str) -> dict[str, str]:
    """Write the URL, or a key, where Prefect reads it; return what the environment needs."""
    match place:
        case "environment":
            return {"PREFECT_API_URL": url}
        case "key":
            return {"PREFECT_API_URL": _bare(url), "PREFECT_API_KEY": _PASSWORD}
        case "auth string":
            return {"PREFECT_API_URL": _bare(url), "PREFECT_API_AUTH_STRING": f"{_USER}:{_PASSWORD}"}
        case ".env":
            text = f"PREFECT_API_URL={url}\n"
        case "prefect.toml":
            text = f'[api]\nurl = "{url}"\n'
        case "pyproject.toml":
            text = f'[tool.prefect.api]\nurl = "{url}"\n'
        case _:
            place = ".prefect/profiles.toml"
            text = f'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "{url}"\n'
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_text(text, encoding="utf-8")
    return {}


_PLACES = ("environment", "key", "auth string", ".env", "prefect.toml", "pyproject.toml", "profile")


def _bare(url: str) -> str:
    return url.replace(_URL, "http://")


def _served(url: str, refuse: int | None, first: int) -> "Iterator[str]":
    """Yield the URL of an API: one that works, or refuses from a request on."""
    trouble = status(refuse or 500)
    with proxied(url, trouble, first if refuse else 1_000_000, 1_000_000) as (through, _):
        yield through


def _password(
    folder: Path, place: str, refuse: int | None, first: int, level: str, *, terminal: bool
) -> None:
    (folder / "x.txt").write_text(f"{_RECORD}\n", encoding="utf-8")
    for through in _served(server_url(), refuse, first):
        url = through.replace("http://", _URL)
        variables = _settings_file(folder, place, url)
        allowed = [path for path, _ in _within(folder)]
        one = _Try(["--log-level", level, "run-all", "x.txt"], variables, terminal)
        code, said = _written(folder, one)
    must(code in (0, 8), f"exit {code}: {said}")
    _secret(folder, said, allowed)
    _unrecorded(said)
    _clean(said)


def _nowhere(folder: Path, url: str, level: str) -> None:
    """Run against an API that is not there, or a URL that is none."""
    (folder / "x.txt").write_text(f"{_RECORD}\n", encoding="utf-8")
    for words in (["run-all", "x.txt"], ["run-all", "--json", "x.txt"]):
        code, said = _written(folder, _Try(["--log-level", level, *words], {"PREFECT_API_URL": url}))
        must(code == 8, f"exit {code}: {said}")  # orchestration
        _secret(folder, said)
        _clean(said)


_NOWHERE = (
    f"http://{_USER}:{quote(_PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://{_USER}:{_PASSWORD}@127.0.0.1:9/api",
    f"http://{_USER}:{_PASSWORD}@127.0.0.1:9/\x1b[5;97;41mapi",
    f"ws://{_USER}:{quote(_PASSWORD, safe='')}@127.0.0.1:9/api",
    f"{_USER}:{quote(_PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://{quote(_PASSWORD, safe='')}@127.0.0.1:9/api",
    f"http://127.0.0.1:9/api?token={quote(_PASSWORD, safe='')}",
    f"http://{_USER}:{quote(_PASSWORD, safe='')}@[::1/api",
)


# What steers a terminal -----------------------------------------------------------------------------------

_OWN_PIPELINE = """
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

class Fails(BaseJob):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        raise ValueError({name!r})

class Outputs(Fails):
    def single_job(self, value):
        return {name!r}

pipeline = PipelineDefinition({name!r})
pipeline.add_job("out", lambda run: Outputs()).add_job("fails", lambda run: Fails())
"""
_BAD_PIPELINE = """
from pipeline_orchestration import PipelineDefinition
from pipeline_orchestration.text import pipeline as text

pipeline = PipelineDefinition({name!r})
pipeline.add_job({name!r}, text.between()[0].factory)
"""


def _in_names(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands in which a name is that of files and folders."""
    place = folder / f"in {name}"
    place.mkdir()
    (place / f"{name}.txt").write_text(f"{_RECORD} {name}\n", "utf-8", "surrogateescape", newline="")
    (place / f"{name}.bin").write_bytes(b"ok\n\xff")
    file = f"in {name}/{name}.txt"
    yield ["run-all", file]
    yield ["run-all", file, file, f"in {name}/{name}.bin", "missing" + name]
    yield ["run-all", "--json", file, f"in {name}/{name}.bin"]
    yield ["--output-dir", f"out {name}", "--db-path", f"in {name}/{name}.db", "run-all", file]
    yield ["--db-path", file, "run-all", file]
    yield ["--output-dir", file, "run-all", file]
    yield ["--db-path", f"in {name}", "run-all", "--start-from", "B", "--", file]
    yield ["run-all", f"in {name}"]


def _in_options(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands in which a name is that of all else."""
    (folder / "x.txt").write_text(f"{_RECORD}\n", encoding="utf-8")
    yield ["run-all", "--encoding", name, "x.txt"]
    yield ["--engine", name, "run-all", "x.txt"]
    yield [name]
    yield ["run-all", f"--{name}", "x.txt"]
    yield ["run", "--start-from", name, "x.txt"]
    yield ["run", "--stop-after", name, "x.txt", "--json"]
    yield ["run", "--start-from", "C", "--", name]
    yield ["--pipeline", f"{name}:{name}", "run-all", "x.txt"]
    yield ["--pipeline", f"{name}.py:pipeline", "list-jobs"]
    yield ["--log-level", name, "list-jobs"]
    yield ["run-all", "--busy-timeout", name, "x.txt"]


def _in_documents(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands in which a name is in JSON and in definitions."""
    name = name.encode("utf-8", "replace").decode()
    documents: list[object] = [
        {"records": [{"content": _RECORD, name: 1}]},
        {"records": [_RECORD], name: 1},
        {"records": [_RECORD], "source": {"uri": name, "name": name}},
        {"records": [{"content": f"{_RECORD} {name}", "line_number": name}]},
        {"format": name, "version": name, "records": [_RECORD]},
        [name, f"{_RECORD} {name}"],
    ]
    for number, document in enumerate(documents):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        yield ["run", "--start-from", "B", path.name]
    (folder / "repeated.json").write_text(f'{{"{name}": 1, "{name}": 2}}', encoding="utf-8", newline="")
    yield ["run", "--start-from", "B", "repeated.json"]
    (folder / "own.py").write_text(_OWN_PIPELINE.replace("{name!r}", ascii(name)), encoding="utf-8")
    yield ["--pipeline", "own.py:pipeline", "run", "x"]
    yield ["--pipeline", "own.py:pipeline", "list-jobs"]
    yield ["--pipeline", "own.py:pipeline", "run", "--stop-after", "out", name]
    (folder / "bad.py").write_text(_BAD_PIPELINE.replace("{name!r}", ascii(name)), encoding="utf-8")
    yield ["--pipeline", "bad.py:pipeline", "list-jobs"]


def _in_settings(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands that read files of settings that hold a name, in a folder of that name."""
    (folder / "x.txt").write_text(f"{_RECORD}\n", encoding="utf-8")
    for setting in ("encoding", "engine", "output_dir", "unknown", "pipeline"):
        value = json.dumps(name.encode("utf-8", "replace").decode()).replace("\x7f", "\\u007f")
        (folder / "pipeline.toml").write_text(f"{setting} = {value}\n{value} = 1\n", encoding="utf-8")
        yield ["run-all", "x.txt"]
    (folder / "pipeline.toml").write_bytes(b"[" + os.fsencode(name))
    yield ["run-all", "x.txt"]
    (folder / "pipeline.toml").unlink()
    (folder / "prefect.toml").write_bytes(b"[" + os.fsencode(name))
    yield ["run-all", "x.txt"]
    (folder / "prefect.toml").write_text('[api]\nurl = "http://127.0.0.1:9/api"\n', encoding="utf-8")
    yield ["run-all", "x.txt"]


_SCENES: Mapping[str, Callable[[Path, str], Iterator[list[str]]]] = {
    "file names": _in_names,
    "options": _in_options,
    "documents": _in_documents,
    "settings": _in_settings,
}


def _steered(folder: Path, scene: str, name: str, engine: str, level: str, *, terminal: bool) -> None:
    place = folder / f"in {name}" if scene == "settings" else folder
    place.mkdir(exist_ok=True)
    variables = {"PREFECT_API_URL": server_url()} if engine == "prefect" else {}
    commands = _SCENES[scene](place, name)
    # Prefect takes seconds to import: one command, in which most goes right and most is logged.
    for words in (
        commands if engine == "local" else islice(commands, _ON_PREFECT[scene], _ON_PREFECT[scene] + 1)
    ):
        _, said = _written(place, _Try(["--log-level", level, *words], variables, terminal))
        try:
            _clean(said)
            # A traceback, which only debugging shows, has lines of its own.
            must(name not in said or (level == "DEBUG" and "\n" in name), f"said {name!r}: {said!r}")
            must(_RECORD not in said, f"said a record: {said}")
        except BrokenError as error:
            raise BrokenError(f"{words}: {error}") from error
    if engine == "prefect":
        _unrecorded("")


_ON_PREFECT = {"file names": 1, "documents": 7}
_LEVELS = ("INFO", "DEBUG")


def _points(size: int | None, random: Random) -> Iterable[Point]:
    """Return points of every kind in turn, so that any number has some of each."""
    kinds = [[*_passwords()], [*_steerings("local")], [*_steerings("prefect")]]
    for kind in kinds:
        random.shuffle(kind)
    mixed = [point for points in zip_longest(*kinds) for point in points if point]
    nowhere = [
        Point(f"no API at {url!r}", partial(_nowhere, url=url, level=_LEVELS[number % 2]))
        for number, url in enumerate(_NOWHERE)
    ]
    home()
    return [*nowhere, *mixed][:size]


def _passwords() -> Iterator[Point]:
    for place, refuse, level, terminal in product(_PLACES, (None, 401, 500), _LEVELS, (False, True)):
        for first in (1, 5, 9) if refuse else (1,):
            label = (
                f"a password in {place}, {refuse or 200} from request {first} on, {level}, {_sink(terminal)}"
            )
            yield Point(
                label,
                partial(_password, place=place, refuse=refuse, first=first, level=level, terminal=terminal),
            )


def _steerings(engine: str) -> Iterator[Point]:
    for scene, name, level, terminal in product(_SCENES, _STEERING, _LEVELS, (False, True)):
        if engine == "local" or scene in _ON_PREFECT:
            label = f"{name!r} in {scene}, on {engine}, {level}, {_sink(terminal)}"
            attempt = partial(_steered, scene=scene, name=name, engine=engine, level=level, terminal=terminal)
            yield Point(label, attempt)


def _sink(terminal: bool) -> str:  # noqa: FBT001  # what it is asked about
    return "into a terminal" if terminal else "into a pipe"


CANARY = Sweep(
    name="canary",
    title="passwords in settings of Prefect; what steers a terminal, in names, records, options and settings",
    holds="no password and no record is said, stored or sent; nothing steers the terminal",
    points=_points,
    short=40,
    long=None,
)
