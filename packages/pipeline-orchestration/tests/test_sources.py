"""Where settings come from."""

import pytest

from pipeline_orchestration import UsageError, pipeline_address
from pipeline_orchestration.sources import Given, gather

VARIABLE = "environment variable PIPELINE_ENGINE"


@pytest.mark.parametrize(
    ("argument", "variable", "own_file", "shared_file", "expected"),
    [
        ("argument", "variable", "own", "shared", Given("argument", "argument")),
        (None, "variable", "own", "shared", Given("variable", VARIABLE)),
        (None, "", "own", "shared", Given("own", "pipeline.toml")),
        (None, None, "own", "shared", Given("own", "pipeline.toml")),
        (None, None, None, "shared", Given("shared", "pyproject.toml")),
        (None, None, None, None, None),
        ("", "variable", "own", "shared", Given("", "argument")),
    ],
)
def test_the_nearer_place_counts(folder, monkeypatch, argument, variable, own_file, shared_file, expected):
    """An empty variable is not given; None is no argument."""
    if variable is not None:
        monkeypatch.setenv("PIPELINE_ENGINE", variable)
    if own_file is not None:
        (folder / "pipeline.toml").write_text(f'engine = "{own_file}"')
    if shared_file is not None:
        (folder / "pyproject.toml").write_text(f'[tool.pipeline]\nengine = "{shared_file}"')

    found = gather(["engine"], {"engine": argument})

    assert expected == found.get("engine")


def test_places_add_up(folder, monkeypatch):
    (folder / "pyproject.toml").write_text('[tool.pipeline]\nengine = "local"\nencoding = "latin-1"')
    (folder / "pipeline.toml").write_text('encoding = "cp1252"')
    monkeypatch.setenv("PIPELINE_PIPELINE", "mine:pipeline")
    monkeypatch.setenv("PIPELINE_SOMEBODY_ELSES", "x")

    assert {
        "engine": ("local", "pyproject.toml"),
        "encoding": ("cp1252", "pipeline.toml"),
        "pipeline": ("mine:pipeline", "environment variable PIPELINE_PIPELINE"),
        "db_path": ("p.db", "argument"),
    } == gather(["engine", "encoding", "pipeline", "db_path"], {"db_path": "p.db"})


@pytest.mark.parametrize("text", ["", "[tool.black]", "tool = 1", "[tool]\npipeline = 1"])
def test_other_peoples_tables_are_none_of_ours(folder, text):
    (folder / "pyproject.toml").write_text(text)

    assert {} == gather(["engine"], {})


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
    ],
)
def test_a_file_that_cannot_be_read_is_refused(folder, content, message):
    path = folder / "pipeline.toml"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        gather(["engine"], {})

    assert ("usage.setting", f"{path}: {message}") == (caught.value.code, str(caught.value))


def test_the_address_of_the_pipeline(folder, monkeypatch):
    assert "pipeline_orchestration.text:pipeline" == pipeline_address(None)

    (folder / "pipeline.toml").write_text('pipeline = "mine:pipeline"')
    assert "mine:pipeline" == pipeline_address(None)

    monkeypatch.setenv("PIPELINE_PIPELINE", "yours.py:pipeline")
    assert "yours.py:pipeline" == pipeline_address(None)
    assert "theirs:pipeline" == pipeline_address("theirs:pipeline")
