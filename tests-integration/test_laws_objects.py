"""Any object, given to any job: the job returns a result, whose error code is documented."""

import datetime as dt
import decimal
import enum
import fractions
import functools
import re
import uuid
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from fuzz.example_budget import limit_examples
from hypothesis import given
from hypothesis import strategies as st

from pipeline_db import PeeweeStore
from pipeline_jobs import JobA, JobB, JobC
from pipeline_orchestration import PipelineRunner

ERRORS = Path(__file__).parents[1] / "ERRORS.md"
CODES = frozenset(re.findall(r"^\| `([a-z]+\.[a-z_]+)`", ERRORS.read_text(encoding="utf-8"), re.MULTILINE))


class Number(enum.IntEnum):
    ONE = 1


class Colour(enum.StrEnum):
    RED = "red"


class Lies(str):
    """Text that claims to differ from itself and to be printable."""

    __slots__ = ()

    def __eq__(self, other):
        return False

    __hash__ = str.__hash__

    def isprintable(self):
        return True


class PathLike:
    """Has a path of any type."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return f"PathLike({self.path!r})"


class Unusable:
    """Raises whatever is done with it."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __bool__ = __len__ = __iter__ = __eq__ = __hash__ = __getitem__ = __repr__


ODD = [None, ..., NotImplemented, Unusable, object(), Number.ONE, Colour.RED, Lies("x"), Lies("1"), len]
ODD += [print, functools.partial(int), lambda: 1, int, type, Exception("a"), re.compile("a"), range(3)]
ODD += [1j, 0.0, float("nan"), float("inf"), decimal.Decimal(1), fractions.Fraction(1), 10**400]
ODD += [
    uuid.UUID(int=1),
    dt.date.max,
    dt.timedelta(1),
    b"1",
    bytearray(b"1"),
    memoryview(b"1"),
]
ODD += [Path(), Path("\0"), Path("\ud800"), PurePosixPath("x"), PureWindowsPath("c:/x"), Path("/dev/null")]
ODD += [
    PathLike("x"),
    PathLike(b"\xff"),
    PathLike("\0"),
    PathLike(""),
    PathLike(1),
    PathLike(None),
    PathLike(Path("x")),
]
ODD += ["file:///", "file://%", "file:///%00", "json:", "json:{", "json:file:///", "json:NaN", "memory:", "~"]
ODD += [
    5000 * "x",
    5000 * "/x",
    300 * "x",
    "/proc/self/mem",
    "/proc/self/environ",
    "/dev/zero",
    "/",
    "/x/",
    ".",
]
LONG = st.builds(lambda: -(10**5000)) | st.builds(lambda: 10**5000)  # Python refuses to print them
SCALARS = st.one_of(
    st.sampled_from(ODD),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.builds(Unusable) | LONG,
)


def make_collections(inner):
    hashable = st.text(max_size=3) | st.integers() | st.none() | st.binary(max_size=2)
    keys = hashable | st.sampled_from(["records", "content", "line_number", "source", "version"])
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
        st.fixed_dictionaries({"records": st.lists(inner, max_size=3)}, optional={"source": inner}),
        st.fixed_dictionaries({"content": inner}, optional={"line_number": inner}),
        st.sets(hashable, max_size=2),
        st.builds(iter, st.lists(inner, max_size=2)),
    )


OBJECTS = SCALARS | st.recursive(SCALARS, make_collections, max_leaves=5)
ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)
DEEP = functools.reduce(lambda inner, _: [inner], range(100_000), [])


JOBS = {
    "A": lambda folder: JobA(folder / "out"),
    "B": lambda folder: JobB(PeeweeStore(folder / "p.db")),
    "C": lambda folder: JobC(PeeweeStore(folder / "p.db")),
}


def assert_documented(result):
    """Assert that a result is a success, or a failure with a documented code."""
    if not result.success:
        assert result.code in CODES, result.error
        assert result.error.isprintable()


@limit_examples(2)
@given(value=OBJECTS)
@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_no_object_makes_a_job_raise(temporary_folder, name, value):
    with temporary_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)

        assert_documented(JOBS[name](folder).execute(value))


@pytest.mark.parametrize(
    "value",
    [
        ENDLESS,
        DEEP,
        {"records": ENDLESS},
        [{"content": "a", "line_number": ENDLESS}],
        [{"content": DEEP}],
        {"records": [], "source": DEEP},
        {"records": [], "source": ENDLESS},
        {"records": [], "record_count": 10**5000},
        {"records": [], "\ud800": 1},
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_nothing_endless_or_deep_makes_a_job_or_a_runner_raise(folder, name, value):
    """Hypothesis can neither draw nor print them."""
    runner = PipelineRunner(engine="local", log_level="OFF")

    assert_documented(JOBS[name](folder).execute(value))
    assert_documented(runner.run_single(name, value))


@limit_examples(4)
@given(value=OBJECTS, job=st.sampled_from("ABC"))
def test_no_object_makes_a_runner_raise(temporary_folder, value, job):
    with temporary_folder() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        runner = PipelineRunner(engine="local", log_level="OFF", output_dir="out", db_path="p.db")

        result = runner.run_single(job, value)

        assert_documented(result)
        assert [] == list(folder.glob("out/.*"))
