"""Sources of settings, and their precedence."""

import os
import socket

import pytest

from pipeline_orchestration import UsageError, resolve_pipeline_address
from pipeline_orchestration.settings.sources import FoundValue, gather_settings

VARIABLE = "environment variable PIPELINE_ENGINE"


@pytest.mark.parametrize(
    ("argument", "variable", "own_file", "shared_file", "expected"),
    [
        ("argument", "variable", "own", "shared", FoundValue("argument", "argument")),
        (None, "variable", "own", "shared", FoundValue("variable", VARIABLE)),
        (None, "", "own", "shared", FoundValue("own", "pipeline.toml")),
        (None, None, "own", "shared", FoundValue("own", "pipeline.toml")),
        (None, None, None, "shared", FoundValue("shared", "pyproject.toml")),
        (None, None, None, None, None),
        ("", "variable", "own", "shared", FoundValue("", "argument")),
    ],
)
def test_a_setting_comes_from_the_source_with_the_highest_precedence(
    folder, monkeypatch, argument, variable, own_file, shared_file, expected
):
    """An empty variable and the argument None count as not given."""
    if variable is not None:
        monkeypatch.setenv("PIPELINE_ENGINE", variable)
    if own_file is not None:
        (folder / "pipeline.toml").write_text(f'engine = "{own_file}"')
    if shared_file is not None:
        (folder / "pyproject.toml").write_text(f'[tool.pipeline]\nengine = "{shared_file}"')

    found = gather_settings(["engine"], {"engine": argument})

    assert expected == found.get("engine")


def test_different_settings_may_come_from_different_sources(folder, monkeypatch):
    (folder / "pyproject.toml").write_text('[tool.pipeline]\nengine = "local"\nencoding = "latin-1"')
    (folder / "pipeline.toml").write_text('encoding = "cp1252"')
    monkeypatch.setenv("PIPELINE_PIPELINE", "mine:pipeline")
    monkeypatch.setenv("PIPELINE_OF_ANOTHER_PROGRAM", "x")

    assert {
        "engine": ("local", "pyproject.toml"),
        "encoding": ("cp1252", "pipeline.toml"),
        "pipeline": ("mine:pipeline", "environment variable PIPELINE_PIPELINE"),
        "db_path": ("p.db", "argument"),
    } == gather_settings(["engine", "encoding", "pipeline", "db_path"], {"db_path": "p.db"})


@pytest.mark.parametrize("text", ["", "[tool.black]", "tool = 1", "[tool]\npipeline = 1"])
def test_tables_of_other_programs_are_ignored(folder, text):
    (folder / "pyproject.toml").write_text(text)

    assert {} == gather_settings(["engine"], {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"engine = " + 5000 * b"[", "cannot be read: nested too deep"),
        (b"engine =", "cannot be read: Invalid value (at end of document)"),
        (
            b"engine = '\xff'",
            "cannot be read: 'utf-8' codec can't decode byte 0xff in position 10: invalid start byte",
        ),
        (None, "cannot be read: [Errno 21] Is a directory: 'pipeline.toml'"),
        (b"x = 1\n" * 200_000, "cannot be read: it has more than 1048576 bytes"),
        (20 * b"a." + b"a = 1", "cannot be read: a key has more than 20 parts"),
        (20 * b"a . " + b"a = 1", "cannot be read: a key has more than 20 parts"),
        (20 * b"'a.b'." + b"a = 1", "cannot be read: a key has more than 20 parts"),
        (b'[x]\n[a."b.c"' + 20 * b".a" + b"]", "cannot be read: a key has more than 20 parts"),
        (b'x = {y = """b"""", ' + 20 * b"k." + b'k = 1, z = "c"}', "cannot be read: a key has more than 20"),
        (b"x = 1 # it's\n" + 20_000 * b"a." + b"a = 1 # it's", "cannot be read: a key has more than 20"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(folder, content, message):
    path = folder / "pipeline.toml"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        gather_settings(["engine"], {})

    assert "usage.setting" == caught.value.code
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("name", ["pipeline.toml", "pyproject.toml"])
@pytest.mark.parametrize("kind", ["FIFO", "/dev/zero", "/dev/tty", "socket"])
def test_a_file_that_never_ends_is_refused_at_once(folder, name, kind):
    """Somebody else may have put it into the current folder."""
    if kind == "FIFO":
        os.mkfifo(folder / name)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)
    else:
        (folder / name).symlink_to(kind)

    with pytest.raises(UsageError, match="cannot be read: ") as caught:
        gather_settings(["engine"], {})

    assert "usage.setting" == caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        f"x = '{20 * 'a.'}a'",
        f'x = """\n{20 * "a."}a\n""" # {20 * "a."}',
        f"x = [{', '.join(100 * ['1.5'])}]",
        f'x = "\\"{20 * "a."}"',
        f"x = '''{20 * 'a.'}'''",
        f"{19 * 'a.'}a = 1",
        "x = 1\r\ny = 2\r",
    ],
)
def test_ordinary_files_are_read(folder, text):
    (folder / "pipeline.toml").write_bytes(text.encode())

    assert gather_settings(["engine"], {})


def test_the_address_of_the_pipeline_has_the_same_sources(folder, monkeypatch):
    assert "pipeline_orchestration.text_pipeline:pipeline" == resolve_pipeline_address(None)

    (folder / "pipeline.toml").write_text('pipeline = "mine:pipeline"')
    assert "mine:pipeline" == resolve_pipeline_address(None)

    monkeypatch.setenv("PIPELINE_PIPELINE", "yours.py:pipeline")
    assert "yours.py:pipeline" == resolve_pipeline_address(None)
    assert "theirs:pipeline" == resolve_pipeline_address("theirs:pipeline")
