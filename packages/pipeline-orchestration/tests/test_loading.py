"""Loading of pipelines by their address."""

import importlib
import os
import sys
from importlib.util import find_spec

import pytest

from pipeline_orchestration import PipelineDefinition, PipelineRunner, UsageError, load_pipeline, loading
from pipeline_orchestration.loading import make_address_absolute

MINE = """
from pipeline_orchestration import PipelineDefinition
pipeline = PipelineDefinition("mine")
other = 1
"""
SPLITTING = """
from pipeline_jobs import JobA
from pipeline_orchestration import PipelineDefinition
pipeline = PipelineDefinition("splitting").add_job("A", lambda run: JobA(run.output_dir))
"""
# Its jobs return the name of the module that their processes found a function in.
CROWD = """
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pipeline_jobs import BaseJob
from pipeline_orchestration import PipelineDefinition

@dataclass
class Answer:
    module: str

def answer(_number):
    return Answer(__name__)

class Crowd(BaseJob):
    def __init__(self, method):
        self.method = method

    def validate_input(self, value):
        return value

    def single_job(self, value):
        with ProcessPoolExecutor(2, mp_context=get_context(self.method)) as pool:
            answers = set(pool.map(Answer.__repr__, pool.map(answer, range(3))))
        return ", ".join(answers)

spawn = PipelineDefinition("spawn").add_job("A", lambda run: Crowd("spawn"))
forkserver = PipelineDefinition("forkserver").add_job("A", lambda run: Crowd("forkserver"))
"""


def test_the_default_pipeline():
    assert ("A", "B", "C") == load_pipeline("pipeline_orchestration.text_pipeline:pipeline").names


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
def test_a_pipeline_in_the_current_folder(folder, file, address):
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(MINE)

    found = load_pipeline(address.format(folder=folder))

    assert isinstance(found, PipelineDefinition)
    assert "mine" == found.name


def test_a_file_may_import_modules_beside_it(folder):
    (folder / "inside").mkdir()
    (folder / "inside/mine.py").write_text("from beside import pipeline")
    (folder / "inside/beside.py").write_text(MINE)

    assert "mine" == load_pipeline("inside/mine.py:pipeline").name


def test_files_of_the_same_name_in_two_folders_are_kept_apart(folder):
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "mine.py").write_text(MINE.replace("mine", name))

    assert ["one", "two"] == [load_pipeline(f"{name}/mine.py:pipeline").name for name in ("one", "two")]


FORM = "expected package.module:attribute or file.py:attribute"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", f"invalid address of a pipeline '': {FORM}"),
        ("mine", f"invalid address of a pipeline 'mine': {FORM}"),
        (":pipeline", f"invalid address of a pipeline ':pipeline': {FORM}"),
        ("mine:", f"invalid address of a pipeline 'mine:': {FORM}"),
        ("mine:a.b", f"invalid address of a pipeline 'mine:a.b': {FORM}"),
        (".mine:pipeline", f"invalid address of a pipeline '.mine:pipeline': {FORM}"),
        ("m\x1b:1", f"invalid address of a pipeline 'm\\x1b:1': {FORM}"),
        ("mine:nothing", "mine:nothing: nothing does not exist"),
        ("mine:other", "mine:other: other is not a PipelineDefinition"),
        ("nowhere:pipeline", "no module 'nowhere', neither in the current folder nor installed"),
        ("mine.inside:pipeline", "no module 'mine.inside', neither in the current folder nor installed"),
        ("m\x1b:pipeline", "no module 'm\\x1b', neither in the current folder nor installed"),
        ("nowhere.py:pipeline", "{folder}/nowhere.py: no such file"),
    ],
)
def test_an_invalid_address_is_refused(folder, address, message):
    (folder / "mine.py").write_text(MINE)

    with pytest.raises(UsageError) as caught:
        load_pipeline(address)

    assert ("usage.pipeline", message.format(folder=folder)) == (caught.value.code, str(caught.value))


@pytest.mark.parametrize("address", ["raising:pipeline", "raising.py:pipeline"])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("pipeline =", "line 2: SyntaxError: invalid syntax"),
        ("x", "line 2: NameError: name 'x' is not defined"),
        ("{}['x']", "line 2: KeyError: 'x'"),
        ("import not_there", "line 2: ModuleNotFoundError: No module named 'not_there'"),
        ("from os import x", "line 2: ImportError: cannot import name 'x' from 'os' ({os})"),
        ("open('nowhere')", "line 2: FileNotFoundError: [Errno 2] No such file or directory: 'nowhere'"),
        ("raise OSError", "line 2: OSError"),
        ("raise OSError(28, 'No space left')", "line 2: OSError: [Errno 28] No space left"),
        ("raise TimeoutError('late')", "line 2: TimeoutError: late"),
        ("raise BrokenPipeError(32, 'Broken pipe')", "line 2: BrokenPipeError: [Errno 32] Broken pipe"),
        ("raise MemoryError", "line 2: MemoryError"),
        ("import sys; sys.exit(0)", "line 2: SystemExit: 0"),
        ("raise SystemExit", "line 2: SystemExit"),
        ("raise GeneratorExit", "line 2: GeneratorExit"),
        ("import asyncio; raise asyncio.CancelledError('x')", "line 2: CancelledError: x"),
        ("class Odd(BaseException): pass\nraise Odd(1)", "line 3: Odd: 1"),
        (
            "class Odd(Exception):\n    def __str__(self): return 1 / 0\nraise Odd",
            "line 4: Odd",
        ),
        ("import json; json.loads('{')", "line 2: JSONDecodeError: Expecting property name enclosed in"),
        (
            "import pipeline_orchestration as p\np.PipelineDefinition('x').add_job('', None)",
            "line 3: UsageError: invalid job name '': expected printable text",
        ),
        ("def __getattr__(name): raise RuntimeError(name)", "line 2: RuntimeError: "),
    ],
)
def test_an_import_that_fails_is_refused_with_file_line_and_exception(folder, address, code, message):
    """Whatever it raises: nothing of it ends the program, or is taken for an error of ours."""
    (folder / "raising.py").write_text(f"# the first line\n{code}\n")

    with pytest.raises(UsageError) as caught:
        load_pipeline(address)

    assert "usage.pipeline" == caught.value.code
    assert str(caught.value).startswith(f"{folder}/raising.py, {message.format(os=os.__file__)}")
    assert not {"raising", "pipeline_file_raising"} & set(sys.modules) or "__getattr__" in code


def test_the_line_of_a_failure_may_stand_in_a_module_beside_the_file(folder):
    (folder / "outer.py").write_text("import inner")
    (folder / "inner.py").write_text("\nimport json\njson.loads('')")

    with pytest.raises(UsageError, match=rf"^{folder}/inner\.py, line 3: JSONDecodeError: ") as caught:
        load_pipeline("outer.py:pipeline")

    assert "usage.pipeline" == caught.value.code


def test_a_file_that_cannot_be_read_is_named_without_a_line(folder):
    (folder / "binary.py").write_bytes(b"\0")

    with pytest.raises(UsageError, match=rf"^{folder}/binary\.py: SyntaxError: source code"):
        load_pipeline("binary.py:pipeline")


def test_ctrl_c_during_the_import_is_not_refused(folder):
    (folder / "waiting.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")

    with pytest.raises(KeyboardInterrupt):
        load_pipeline("waiting.py:pipeline")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mine.py:pipeline", "{folder}/mine.py:pipeline"),
        ("/x/mine.py:pipeline", "/x/mine.py:pipeline"),
        ("package.mine:pipeline", "package.mine:pipeline"),
    ],
)
def test_an_address_can_be_made_absolute(folder, address, expected):
    assert expected.format(folder=folder) == make_address_absolute(address)


def test_a_file_is_imported_under_its_own_name(folder):
    """So that other processes find it, which import what they unpickle."""
    (folder / "mine.py").write_text(MINE + "class Record: pass\n")

    load_pipeline("mine.py:pipeline")

    assert str(folder / "mine.py") == sys.modules["mine"].__file__
    assert "mine" == sys.modules["mine"].Record.__module__


def test_a_file_that_is_imported_already_is_not_run_again(folder, monkeypatch):
    (folder / "mine.py").write_text(MINE)
    monkeypatch.syspath_prepend(folder)
    mine = importlib.import_module("mine")

    assert mine.pipeline is load_pipeline("mine.py:pipeline")
    assert mine.pipeline is load_pipeline(f"{folder}/mine.py:pipeline")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("json", "the standard library has a module 'json'"),
        ("sched", "the standard library has a module 'sched'"),  # which nothing imports
        ("msgspec", f"'msgspec' is already the module {find_spec('msgspec').origin}"),
        ("loky", f"'loky' is already the module {find_spec('loky').origin}"),
        ("my-own", "'my-own' is no valid name of a module"),
    ],
)
def test_a_file_whose_name_is_taken_gets_a_made_up_one_with_a_warning(folder, name, reason, caplog):
    file = folder / f"{name}.py"
    file.write_text(SPLITTING)
    (folder / "x.txt").touch()
    runner = PipelineRunner(pipeline=f"{name}.py:pipeline", engine="local", log_level="WARNING")

    assert runner.run("x.txt").success

    assert str(file) == sys.modules[f"pipeline_file_{name}"].__file__
    consequence = "which other processes cannot import"
    warning = f"{file} is imported as pipeline_file_{name}, {consequence}, because {reason}; rename the file"
    assert [warning] == caplog.messages


def test_the_folder_of_a_definition_is_searched_last(folder):
    """Neither what it imports nor what this program imports later comes from there if it exists elsewhere."""
    for name in ("sched", "loky", "beside"):
        (folder / f"{name}.py").write_text("HERE = True")
    code = "import beside, loky, sched\nfound = [hasattr(each, 'HERE') for each in (beside, loky, sched)]\n"
    (folder / "mine.py").write_text(code + MINE)

    load_pipeline("mine.py:pipeline")

    assert [True, False, False] == sys.modules["mine"].found


@pytest.fixture
def write(folder, monkeypatch):
    """A function that writes a file, also into new folders; no other folder has definitions."""
    monkeypatch.setattr(loading, "_folders", set())

    def write_file(name, code=""):
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(code)
        return path

    return write_file


@pytest.mark.parametrize(
    ("importer", "code"),
    [
        ("two.py", "import between, helpers as h, package\n"),
        ("two.py", "import between, package\nfrom helpers import which\n"),
        ("two.py", "import between, package\ndef later():\n    import helpers\n"),
        ("between.py", "import helpers\n"),
        ("package/deep.py", "from helpers import which\n"),
    ],
)
@pytest.mark.parametrize("helpers", ["helpers.py", "helpers/__init__.py", "helpers/within.py"])
def test_a_name_that_another_folder_has_taken_is_refused(folder, write, importer, code, helpers):
    """The modules of a process are one table: the second definition would get the first one's module."""
    write("one/one.py", f"import helpers\n{MINE}")
    write("two/two.py", f"import between, package\n{MINE}")
    write("two/between.py")
    write("two/package/__init__.py")
    place = write(f"two/{importer}", f"{code}{MINE}")
    taken, own = (write(f"{each}/{helpers}") for each in ("one", "two"))
    if own.name == "within.py":  # a package without a file
        taken, own = taken.parent, own.parent
    load_pipeline("one/one.py:pipeline")

    with pytest.raises(UsageError) as caught:
        load_pipeline("two/two.py:pipeline")

    text = f"{place}: imports 'helpers' from {own}, but in this process that is {taken}"
    hint = "rename one of them, or run each pipeline in a process of its own"
    assert ("usage.pipeline", f"{text}; {hint}") == (caught.value.code, str(caught.value))


def test_a_module_of_an_address_is_not_taken_from_another_folder(folder, write, monkeypatch):
    for name in ("one", "two"):
        write(f"{name}/mine.py", MINE.replace("mine", name))
    monkeypatch.chdir(folder / "one")
    assert "one" == load_pipeline("mine:pipeline").name
    monkeypatch.chdir(folder / "two")

    with pytest.raises(
        UsageError, match=r"^mine: imports 'mine' from .*/two/mine\.py, but .*/one/mine\.py; "
    ):
        load_pipeline("mine:pipeline")


def test_definitions_in_two_folders_go_together_if_their_modules_do(write):
    """A module that both have and the second does not import is no obstacle, nor one that is installed."""
    for name in ("one", "two"):
        write(f"{name}/{name}.py", f"import json, msgspec, only_{name}\n{MINE}")
        for module in ("unused", "json", "msgspec", f"only_{name}"):
            write(f"{name}/{module}.py")

    loaded = [load_pipeline(f"{name}/{name}.py:pipeline") for name in ("one", "two", "one")]

    assert loaded[0] is loaded[2] is not loaded[1]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("settings", [{}, {"concurrency": 2}], ids=["in turn", "two at a time"])
def test_a_job_may_start_processes_of_its_own(folder, runner, method, settings):
    """They import the definition's file, which has the function that they run and the class they return."""
    (folder / "crowd.py").write_text(CROWD)
    inputs = [folder / "1.txt", folder / "2.txt"]
    for path in inputs:
        path.touch()

    results = runner(pipeline=f"crowd.py:{method}", **settings).run_many(inputs)

    assert ["Answer(module='crowd')"] * 2 == [result.output for result in results], [
        result.error for result in results
    ]


@pytest.mark.usefixtures("prefect_server")
def test_a_job_may_start_processes_of_its_own_in_those_of_prefect(folder):
    (folder / "crowd.py").write_text(CROWD)
    inputs = [folder / "1.txt", folder / "2.txt"]
    for path in inputs:
        path.touch()
    runner = PipelineRunner(
        pipeline="crowd.py:spawn", engine="prefect", task_runner="processes", concurrency=2
    )

    results = runner.run_many(inputs)

    assert ["Answer(module='crowd')"] * 2 == [result.output for result in results], [
        result.error for result in results
    ]
