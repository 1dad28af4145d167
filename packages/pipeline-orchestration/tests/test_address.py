"""Pipelines by address."""

import sys

import pytest

from pipeline_orchestration import PipelineDefinition, UsageError, load_pipeline
from pipeline_orchestration.address import absolute

MINE = """
from pipeline_orchestration import PipelineDefinition
pipeline = PipelineDefinition("mine")
other = 1
"""


@pytest.fixture(autouse=True)
def forgetting(monkeypatch):
    """What a test imports, and where from, is forgotten after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_the_pipeline_that_comes_with_the_package():
    assert ("A", "B", "C") == load_pipeline("pipeline_orchestration.text:pipeline").names


@pytest.mark.parametrize(
    ("file", "address"),
    [
        ("mine.py", "mine:pipeline"),
        ("mine.py", "mine.py:pipeline"),
        ("mine.py", "./mine.py:pipeline"),
        ("mine.py", "{folder}/mine.py:pipeline"),
        ("inside/mine.py", "inside.mine:pipeline"),
        ("inside/my-own pipeline.py", "inside/my-own pipeline.py:pipeline"),
        ("a:b.py", "a:b.py:pipeline"),
    ],
)
def test_one_in_the_current_folder(folder, file, address):
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(MINE)

    found = load_pipeline(address.format(folder=folder))

    assert isinstance(found, PipelineDefinition)
    assert "mine" == found.name


def test_a_file_imports_what_lies_beside_it(folder):
    (folder / "inside").mkdir()
    (folder / "inside/mine.py").write_text("from beside import pipeline")
    (folder / "inside/beside.py").write_text(MINE)

    assert "mine" == load_pipeline("inside/mine.py:pipeline").name


def test_two_files_of_the_same_name_are_two(folder):
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "mine.py").write_text(MINE.replace("mine", name))

    assert ["one", "two"] == [load_pipeline(f"{name}/mine.py:pipeline").name for name in ("one", "two")]


FORM = "write package.module:attribute or file.py:attribute"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", f"'' is no address of a pipeline; {FORM}"),
        ("mine", f"'mine' is no address of a pipeline; {FORM}"),
        (":pipeline", f"':pipeline' is no address of a pipeline; {FORM}"),
        ("mine:", f"'mine:' is no address of a pipeline; {FORM}"),
        ("mine:a.b", f"'mine:a.b' is no address of a pipeline; {FORM}"),
        (".mine:pipeline", f"'.mine:pipeline' is no address of a pipeline; {FORM}"),
        ("m\x1b:1", f"'m\\x1b:1' is no address of a pipeline; {FORM}"),
        ("mine:nothing", "mine:nothing: nothing is not there"),
        ("mine:other", "mine:other: other is no PipelineDefinition"),
        ("nowhere:pipeline", "no module 'nowhere', here or installed"),
        ("mine.inside:pipeline", "no module 'mine.inside', here or installed"),
        ("m\x1b:pipeline", "no module 'm\\x1b', here or installed"),
        ("nowhere.py:pipeline", "{folder}/nowhere.py: no such file"),
        ("needy:pipeline", "needy: imports not_there, which is not installed"),
        ("needy.py:pipeline", "{folder}/needy.py: No module named 'not_there'"),
        ("greedy:pipeline", "greedy: cannot import name 'not_there' from 'mine' ({folder}/mine.py)"),
        ("broken:pipeline", "broken: invalid syntax (broken.py, line 1)"),
        ("broken.py:pipeline", "{folder}/broken.py: invalid syntax (broken.py, line 1)"),
    ],
)
def test_an_address_where_nothing_is_is_refused(folder, address, message):
    (folder / "mine.py").write_text(MINE)
    (folder / "needy.py").write_text("import not_there")
    (folder / "greedy.py").write_text("from mine import not_there")
    (folder / "broken.py").write_text("pipeline =")

    with pytest.raises(UsageError) as caught:
        load_pipeline(address)

    assert ("usage.pipeline", message.format(folder=folder)) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mine.py:pipeline", "{folder}/mine.py:pipeline"),
        ("/x/mine.py:pipeline", "/x/mine.py:pipeline"),
        ("package.mine:pipeline", "package.mine:pipeline"),
    ],
)
def test_an_address_can_be_made_to_hold_in_any_folder(folder, address, expected):
    assert expected.format(folder=folder) == absolute(address)
