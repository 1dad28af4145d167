"""Every check of this repository, each in an environment of its own; `nox --list` names them."""

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import nox

nox.needs_version = ">=2025.10.14"  # the first with `download_python`
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"  # a Python that is not on this machine is skipped, and said to be ...
nox.options.error_on_missing_interpreters = "CI" in os.environ  # ... but not where every check counts

OLDEST, *_ = PYTHONS = ["3.12", "3.13"]
TOOLS = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]

# Bottom up: a package depends on those before it and on none after. With each, the modules that come with it.
PACKAGES = {
    "pipeline-jobs": ["pipeline_jobs"],
    "pipeline-db": ["pipeline_db", "peewee", "playhouse"],
    # Click comes with Prefect's server, not with the command line alone.
    "pipeline-orchestration": ["pipeline_orchestration", "prefect_pipeline", "prefect", "click"],
    "pipeline-cli": ["pipeline_cli"],
}
# By path, never by name: the public index has a stranger's package under one of the names.
PATHS = [f"./packages/{package}" for package in PACKAGES]

# Fails, and names them, if modules it is given can be imported.
ABSENT = """
import sys
from importlib.util import find_spec
sys.exit(", ".join(f"{name} is installed" for name in sys.argv[1:] if find_spec(name)) or None)
"""


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Look for faults, risks and untidy layout in the code."""
    session.install(*TOOLS["lint"])
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=OLDEST)
def types(session: nox.Session) -> None:
    """Check the types of the four packages, strictly."""
    session.install(*PATHS, *TOOLS["types"], *TOOLS["test"])
    session.run("mypy")


@nox.session(python=OLDEST)
def layers(session: nox.Session) -> None:
    """Check that imports go down only, and that Prefect, Peewee and Click stay in their layers."""
    session.install(*TOOLS["layers"])
    session.run("lint-imports", env={"PYTHONPATH": os.pathsep.join(f"{path}/src" for path in PATHS)})


@nox.session(python=PYTHONS)
@nox.parametrize("package", list(PACKAGES), ids=list(PACKAGES))
def tests(session: nox.Session, package: str) -> None:
    """Test one package with those below it, and none above it, installed."""
    height = list(PACKAGES).index(package) + 1
    above = list(PACKAGES.values())[height:]
    session.install(*PATHS[:height], *TOOLS["test"], *TOOLS["coverage"])
    # Isolated: the current folder, which Python would search too, is not what is installed.
    session.run("python", "-I", "-c", ABSENT, *chain.from_iterable(above))
    run_tests(session, package, f"packages/{package}/tests")


@nox.session(python=OLDEST)
def integration(session: nox.Session) -> None:
    """Test the four together, and the script that releases one of them."""
    paths = [*PATHS[:2], f"{PATHS[2]}[dask,ray]", PATHS[3]]
    session.install(*paths, *TOOLS["test"], *TOOLS["stores"], *TOOLS["coverage"], *TOOLS["release"])
    run_tests(session, "integration", "tests-integration")


def run_tests(session: nox.Session, name: str, folder: str) -> None:
    """Run a folder of tests; on the oldest Python measured, for the session `coverage` to add up."""
    if session.python != OLDEST:
        session.run("pytest", folder, *session.posargs)
        return
    measured = session.cache_dir.absolute() / "coverage" / name
    shutil.rmtree(measured, ignore_errors=True)
    measured.mkdir(parents=True)
    # Every process that the tests start writes a file of its own beside this one.
    session.env["COVERAGE_FILE"] = str(measured / ".coverage")
    session.run("coverage", "run", "-m", "pytest", folder, *session.posargs)


@nox.session(python=OLDEST, requires=[*(f"tests-{OLDEST}({package})" for package in PACKAGES), "integration"])
def coverage(session: nox.Session) -> None:
    """Add up the lines and branches that the sessions tests and integration went through."""
    session.install(*TOOLS["coverage"])
    measured = session.cache_dir / "coverage"
    session.env["COVERAGE_FILE"] = str(measured / ".coverage")
    folders = [str(measured / name) for name in [*PACKAGES, "integration"]]
    session.run("coverage", "combine", "--keep", "--quiet", *folders)
    session.run("coverage", "report")


@nox.session(python=OLDEST)
def minimums(session: nox.Session) -> None:
    """Test all packages on the lowest versions that their metadata allow."""
    session.install("uv")  # pip cannot resolve downwards
    extras = {"./packages/pipeline-db": "[postgres]"}
    paths = [f"{path}{extras.get(path, '')}" for path in PATHS]
    session.run("uv", "pip", "install", "--resolution", "lowest-direct", *paths)
    session.install(*TOOLS["test"])
    # Old releases warn of what a newer Python or neighbour has deprecated since.
    session.run("pytest", "-W", "default", *(f"{path}/tests" for path in PATHS), *session.posargs)


@nox.session(python=OLDEST)
def build(session: nox.Session) -> None:
    """Build the four, and compare each wheel with its sources."""
    session.install(*TOOLS["release"])
    dist = session.cache_dir.absolute() / "dist"
    shutil.rmtree(dist, ignore_errors=True)  # hatch's own --clean would clean before each of the packages
    # With nox's UV_PYTHON, hatch would fill this environment instead of those it builds in.
    settings = {"HATCH_DATA_DIR": str(session.cache_dir.absolute() / "hatch"), "UV_PYTHON": None}
    session.run("hatch", "build", "--all", str(dist), env=settings)
    for path in PATHS:
        (wheel,) = dist.glob(f"{Path(path).name.replace('-', '_')}-*.whl")
        check_contents(session, wheel, Path(path, "src"))


def check_contents(session: nox.Session, wheel: Path, source: Path) -> None:
    """Stop unless a wheel holds its sources, all of them and nothing else, as typed, and the licence."""
    packed = set(ZipFile(wheel).namelist())
    described = {name for name in packed if ".dist-info/" in name}
    found = [file for file in source.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    files = [file.relative_to(source) for file in found]
    expected = {file.as_posix() for file in files} | {f"{file.parts[0]}/py.typed" for file in files}
    if packed - described != expected:
        session.error(f"{wheel.name} and {source} differ: {sorted((packed - described) ^ expected)}")
    if not any(name.endswith("/licenses/LICENSE") for name in described):
        session.error(f"{wheel.name} has no licence")


@nox.session(python=OLDEST, requires=["build"])
def wheels(session: nox.Session) -> None:
    """Install the four wheels alone and run the command far from the checkout."""
    names = [package.replace("-", "_") for package in PACKAGES]
    session.install(*(str(*session.cache_dir.glob(f"dist/{name}-*.whl")) for name in names))
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.copy("examples/sample.txt", elsewhere)
        with session.chdir(elsewhere):
            # Nobody's Prefect settings but the ones that come with it.
            session.run("pipeline", "run-all", "sample.txt", env={"PREFECT_HOME": elsewhere})
        with closing(sqlite3.connect(Path(elsewhere, "data/pipeline.db"))) as database:
            kept = [
                content
                for (content,) in database.execute(
                    "SELECT content FROM processed_records ORDER BY line_number"
                )
            ]
    lines = Path("examples/sample.txt").read_text(encoding="utf-8").splitlines()
    if kept != lines:
        session.error(f"the lines {lines} became the records {kept}")


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Run what the documents tell a reader to run, and compare what they say it prints."""
    session.install(*TOOLS["docs"], *TOOLS["test"])
    session.run("pytest", "tests-docs", *session.posargs)


@nox.session(python=OLDEST, default=False)
def faults(session: nox.Session) -> None:
    """Make things go wrong at thousands of points, as RELIABILITY.md tells: `nox -s faults`, or `-- long`."""
    session.install(*PATHS, *TOOLS["faults"], *TOOLS["test"])
    cache = str(session.cache_dir.absolute() / "faults")
    session.run("python", "faults/run.py", "--cache", cache, *session.posargs)


@nox.session(python=OLDEST, default=False)
def ui(session: nox.Session) -> None:
    """Look at runs and a deployment in Prefect's UI: `nox -s ui`; `-- --shots docs/images` keeps pictures."""
    session.install(*PATHS, *TOOLS["ui"])
    cache = str(session.cache_dir.absolute() / "ui")
    # Ctrl-C has a Prefect server to stop.
    patience = {"interrupt_timeout": 30, "terminate_timeout": 10}
    session.run("python", "ui/run.py", "--shots", cache, *session.posargs, **patience)


@nox.session(python=OLDEST, default=False)
def scale(session: nox.Session) -> None:
    """Run on several hosts of this machine, and lose one of them in the middle: `nox -s scale`."""
    session.install(PATHS[0], f"{PATHS[1]}[postgres]", f"{PATHS[2]}[dask]", PATHS[3], *TOOLS["scale"])
    # Ctrl-C has servers to stop and network namespaces to remove.
    patience = {"interrupt_timeout": 60, "terminate_timeout": 30}
    session.run("python", "scale/run.py", *session.posargs, **patience)


@nox.session(python=OLDEST, default=False)
def bench(session: nox.Session) -> None:
    """Measure the pipeline beside its peers and write BENCHMARKS.md: `nox -s bench`, or `-- quick`."""
    session.install(*TOOLS["bench"])
    cache = str(session.cache_dir.absolute() / "bench")
    # Ctrl-C has a Prefect server to stop and folders to remove.
    patience = {"interrupt_timeout": 30, "terminate_timeout": 10}
    session.run("python", "benchmarks/run.py", "--cache", cache, *session.posargs, **patience)


@nox.session(python=OLDEST, default=False)
def release(session: nox.Session) -> None:
    """Release one package: `nox -s release -- pipeline-jobs minor`."""
    session.install(*TOOLS["release"])
    session.run("python", ".ci/release.py", *session.posargs)
