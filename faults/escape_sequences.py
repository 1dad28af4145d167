"""Points with escape sequences in file names, options, documents and settings."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice, product
from pathlib import Path

from prefect_servers import start_server
from secrets_checks import (
    LEVELS,
    RECORD,
    Command,
    check_no_record,
    check_terminal_safe,
    describe_output,
    run_command,
)
from sweep import BrokenPromiseError, Point, require

# Names with every kind of terminal control; the last one has bytes that are not UTF-8.
_HOSTILE_NAMES = (
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
from pipeline_orchestration.text_pipeline import pipeline as text

pipeline = PipelineDefinition({name!r})
pipeline.add_job({name!r}, text.select_jobs()[0].factory)
"""


def _make_file_commands(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands with the name in names of files and folders."""
    place = folder / f"in {name}"
    place.mkdir()
    (place / f"{name}.txt").write_text(f"{RECORD} {name}\n", "utf-8", "surrogateescape", newline="")
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


def _make_option_commands(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands with the name in every other argument and option."""
    (folder / "x.txt").write_text(f"{RECORD}\n", encoding="utf-8")
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


def _make_document_commands(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands with the name in JSON documents and pipeline definitions."""
    name = name.encode("utf-8", "replace").decode()
    documents: list[object] = [
        {"records": [{"content": RECORD, name: 1}]},
        {"records": [RECORD], name: 1},
        {"records": [RECORD], "source": {"uri": name, "name": name}},
        {"records": [{"content": f"{RECORD} {name}", "line_number": name}]},
        {"format": name, "version": name, "records": [RECORD]},
        [name, f"{RECORD} {name}"],
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


def _make_settings_commands(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield commands that read settings files with the name inside, in a folder of that name."""
    (folder / "x.txt").write_text(f"{RECORD}\n", encoding="utf-8")
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


_PLACES: Mapping[str, Callable[[Path, str], Iterator[list[str]]]] = {
    "file names": _make_file_commands,
    "options": _make_option_commands,
    "documents": _make_document_commands,
    "settings": _make_settings_commands,
}


def _check_escaping(folder: Path, kind: str, name: str, engine: str, level: str, *, terminal: bool) -> None:
    place = folder / f"in {name}" if kind == "settings" else folder
    place.mkdir(exist_ok=True)
    variables = {"PREFECT_API_URL": start_server()} if engine == "prefect" else {}
    commands = _PLACES[kind](place, name)
    # Prefect takes seconds to import: there, run only the command that succeeds and logs most.
    for words in (
        commands if engine == "local" else islice(commands, _ON_PREFECT[kind], _ON_PREFECT[kind] + 1)
    ):
        _, output = run_command(place, Command(["--log-level", level, *words], variables, terminal))
        try:
            check_terminal_safe(output)
            # A traceback, which only DEBUG shows, may contain a line break of its own.
            require(
                name not in output or (level == "DEBUG" and "\n" in name), f"printed {name!r}: {output!r}"
            )
            require(RECORD not in output, f"printed a record: {output}")
        except BrokenPromiseError as error:
            raise BrokenPromiseError(f"{words}: {error}") from error
    if engine == "prefect":
        check_no_record("")


_ON_PREFECT = {"file names": 1, "documents": 7}


def make_escape_points(engine: str) -> Iterator[Point]:
    """Yield the points of one engine."""
    for kind, name, level, terminal in product(_PLACES, _HOSTILE_NAMES, LEVELS, (False, True)):
        if engine == "local" or kind in _ON_PREFECT:
            label = f"{name!r} in {kind}, on {engine}, {level}, {describe_output(terminal)}"
            attempt = partial(
                _check_escaping, kind=kind, name=name, engine=engine, level=level, terminal=terminal
            )
            yield Point(label, attempt)
