"""Every check of this repository, each in an environment of its own.

`nox` runs the checks of a change, in eight minutes, and `nox -t rest` all others; `nox --list` names them.
"""

import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import nox

nox.needs_version = ">=2025.10.14"  # the first with `download_python`
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"  # nox skips a Python that this machine lacks, and says so ...
nox.options.error_on_missing_interpreters = "CI" in os.environ  # ... but not where every check counts
# Even if the user wants no bytecode, the sessions keep that of what they install. Without it, each of many
# processes that the tests start compiles Prefect again, a server for seven seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

OLDEST, *_ = PYTHONS = ["3.12", "3.13"]
# A newcomer needs one Python, that of nox. Of the others, the session `minimums` tests the oldest.
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
FIRST = HERE if HERE in PYTHONS else OLDEST

nox.options.sessions = ["lint", "types", "layers", f"tests-{FIRST}"]

TOOLS = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]

# Bottom up: a package depends only on those before it. With each, the modules that it adds to an environment.
PACKAGES = {
    "pipeline-jobs": ["pipeline_jobs"],
    "pipeline-db": ["pipeline_db", "peewee", "playhouse"],
    # Click is here because Prefect depends on it, not only the command line.
    "pipeline-orchestration": ["pipeline_orchestration", "prefect_pipeline", "prefect", "click"],
    "pipeline-cli": ["pipeline_cli"],
}
# By path, never by name: the public index has a stranger's package under one of the names.
PATHS = [f"./packages/{package}" for package in PACKAGES]

# pytest-xdist: a process for each core, but no more than four, as some tests measure time; tests that share
# something slow to start stay in one process, as `conftest.py` says.
AT_A_TIME = ["-n", "logical", "--maxprocesses", "4", "--dist", "loadgroup"]

# Programs that no test of a package runs; they import each other by name from their own folder.
SCRIPTS = [".ci", "benchmarks", "faults", "scale", "ui"]

# Fails if one of the modules in its arguments can be imported, and names those.
ABSENT = """
import sys
from importlib.util import find_spec
sys.exit(", ".join(f"{name} is installed" for name in sys.argv[1:] if find_spec(name)) or None)
"""


@nox.session(python=FIRST)
def lint(session: nox.Session) -> None:
    """Check the code with ruff: rules and format."""
    session.install(*TOOLS["lint"])
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=FIRST)
def types(session: nox.Session) -> None:
    """Check the types of the four packages, strictly, and of the scripts."""
    session.install(*PATHS, *TOOLS["types"], *TOOLS["test"])
    session.run("mypy")
    # Not strictly: the libraries that only the scripts need are not installed here.
    loosely = ("--ignore-missing-imports", "--check-untyped-defs", "--explicit-package-bases")
    for folder in SCRIPTS:
        session.run("mypy", "--config-file=", *loosely, folder, env={"MYPYPATH": folder})


@nox.session(python=FIRST)
def layers(session: nox.Session) -> None:
    """Check that imports go down only, and that Prefect, Peewee and Click stay in their layers."""
    session.install(*TOOLS["layers"])
    session.run("lint-imports", env={"PYTHONPATH": os.pathsep.join(f"{path}/src" for path in PATHS)})


@nox.parametrize("package", list(PACKAGES), ids=list(PACKAGES))
def tests(session: nox.Session, package: str) -> None:
    """Test one package with those below it, and none above it, installed."""
    height = list(PACKAGES).index(package) + 1
    above = list(PACKAGES.values())[height:]
    session.install(*PATHS[:height], *TOOLS["test"])
    # -I: look for installed modules only, not in the current folder.
    session.run("python", "-I", "-c", ABSENT, *chain.from_iterable(above))
    run_tests(session, f"packages/{package}/tests")


# One session for each Python, as not all of them belong to the rest.
for version in PYTHONS:
    is_rest = version not in {FIRST, OLDEST}
    nox.session(tests, python=version, name=f"tests-{version}", tags=["rest"] if is_rest else [])


@nox.session(python=OLDEST, tags=["rest"])
def integration(session: nox.Session) -> None:
    """Test the four together, and the script that releases one of them."""
    paths = [*PATHS[:2], f"{PATHS[2]}[dask,ray]", PATHS[3]]
    session.install(*paths, *TOOLS["test"], *TOOLS["stores"], *TOOLS["release"])
    run_tests(session, "tests-integration")


def run_tests(session: nox.Session, *arguments: str) -> None:
    """Run pytest with some arguments, such as folders of tests, several tests at a time."""
    session.run("pytest", *AT_A_TIME, *arguments, *session.posargs)


@nox.session(python=OLDEST, tags=["rest"])
def minimums(session: nox.Session) -> None:
    """Test all packages on the oldest Python and the lowest versions that their metadata allow.

    Their coverage is measured here, lines and branches.
    """
    session.install("uv")  # pip cannot resolve downwards
    extras = {"./packages/pipeline-db": "[postgres]"}
    paths = [f"{path}{extras.get(path, '')}" for path in PATHS]
    session.run("uv", "pip", "install", "--resolution", "lowest-direct", *paths)
    session.install(*TOOLS["test"], *TOOLS["coverage"])
    measured = session.cache_dir.absolute() / "coverage"
    shutil.rmtree(measured, ignore_errors=True)
    measured.mkdir()
    # Every process that the tests start writes a file of its own beside this one.
    session.env["COVERAGE_FILE"] = str(measured / ".coverage")
    folders = [f"{path}/tests" for path in PATHS]
    # Old releases use what a newer Python or dependency has deprecated.
    session.run("coverage", "run", "-m", "pytest", *AT_A_TIME, "-W", "default", *folders, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(python=OLDEST, tags=["rest"])
def build(session: nox.Session) -> None:
    """Build the four, and compare each wheel with its sources."""
    session.install(*TOOLS["release"])
    dist = session.cache_dir.absolute() / "dist"
    shutil.rmtree(dist, ignore_errors=True)  # `hatch build --clean` would clean before each package
    # With the UV_PYTHON of nox, hatch would install into this environment instead of its own.
    settings = {"HATCH_DATA_DIR": str(session.cache_dir.absolute() / "hatch"), "UV_PYTHON": None}
    session.run("hatch", "build", "--all", str(dist), env=settings)
    for path in PATHS:
        (wheel,) = dist.glob(f"{Path(path).name.replace('-', '_')}-*.whl")
        check_contents(session, wheel, Path(path, "src"))


def check_contents(session: nox.Session, wheel: Path, source: Path) -> None:
    """Fail unless a wheel holds exactly its sources, `py.typed` and the licence."""
    names = set(ZipFile(wheel).namelist())
    metadata = {name for name in names if ".dist-info/" in name}
    found = [file for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    files = [file.relative_to(source) for file in found]
    expected = {file.as_posix() for file in files} | {f"{file.parts[0]}/py.typed" for file in files}
    if names - metadata != expected:
        session.error(f"{wheel.name} and {source} differ: {sorted((names - metadata) ^ expected)}")
    if not any(name.endswith("/licenses/LICENSE") for name in metadata):
        session.error(f"{wheel.name} has no licence")


@nox.session(python=OLDEST, tags=["rest"], requires=["build"])
def wheels(session: nox.Session) -> None:
    """Install the four wheels alone and run the command far from the checkout."""
    names = [package.replace("-", "_") for package in PACKAGES]
    session.install(*(str(*session.cache_dir.glob(f"dist/{name}-*.whl")) for name in names))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy("examples/sample.txt", folder)
        with session.chdir(folder):
            # Without Prefect settings of the user.
            session.run("pipeline", "run-all", "sample.txt", env={"PREFECT_HOME": folder})
        with closing(sqlite3.connect(Path(folder, "data/pipeline.db"))) as database:
            records = [
                content
                for (content,) in database.execute(
                    "SELECT content FROM processed_records ORDER BY line_number"
                )
            ]
    lines = Path("examples/sample.txt").read_text(encoding="utf-8").splitlines()
    if records != lines:
        session.error(f"the lines {lines} became the records {records}")


@nox.session(python=OLDEST, tags=["rest"])
def docs(session: nox.Session) -> None:
    """Run the commands and programs of the documents, and compare the output with what they say."""
    session.install(*TOOLS["docs"], *TOOLS["test"])
    run_tests(session, "tests-docs")


@nox.session(python=OLDEST, tags=["rest"])
def faults(session: nox.Session) -> None:
    """Cause faults at thousands of points, see RELIABILITY.md: `nox -s faults`, or `-- long`."""
    paths = [PATHS[0], f"{PATHS[1]}[postgres]", f"{PATHS[2]}[dask]", PATHS[3]]
    session.install(*paths, *TOOLS["faults"], *TOOLS["test"])
    cache = str(session.cache_dir.absolute() / "faults")
    session.run("python", "faults/run.py", "--cache", cache, *session.posargs)


@nox.session(python=OLDEST, tags=["rest"])
def ui(session: nox.Session) -> None:
    """Check runs and a deployment in Prefect's UI: `nox -s ui`; `-- --shots docs/images` renews pictures."""
    session.install(*PATHS, *TOOLS["ui"])
    cache = str(session.cache_dir.absolute() / "ui")
    # After Ctrl-C it stops a Prefect server.
    timeouts = {"interrupt_timeout": 30, "terminate_timeout": 10}
    session.run("python", "ui/run.py", "--shots", cache, *session.posargs, **timeouts)


@nox.session(python=OLDEST)
def scale(session: nox.Session) -> None:
    """Run on several hosts on this machine, and stop one of them in the middle: `nox -s scale`."""
    session.install(PATHS[0], f"{PATHS[1]}[postgres]", f"{PATHS[2]}[dask]", PATHS[3], *TOOLS["scale"])
    # After Ctrl-C it stops servers and removes network namespaces.
    timeouts = {"interrupt_timeout": 60, "terminate_timeout": 30}
    session.run("python", "scale/run.py", *session.posargs, **timeouts)


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Measure the pipeline and its competitors, and write BENCHMARKS.md: `nox -s bench`, or `-- quick`."""
    session.install(*TOOLS["bench"])
    cache = str(session.cache_dir.absolute() / "bench")
    # After Ctrl-C it stops a Prefect server and removes folders.
    timeouts = {"interrupt_timeout": 30, "terminate_timeout": 10}
    session.run("python", "benchmarks/run.py", "--cache", cache, *session.posargs, **timeouts)


@nox.session(python=OLDEST)
def release(session: nox.Session) -> None:
    """Release one package: `nox -s release -- pipeline-jobs minor`."""
    session.install(*TOOLS["release"])
    session.run("python", ".ci/release.py", *session.posargs)
