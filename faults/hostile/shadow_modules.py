"""Points for modules in the current folder: none of them is imported, neither by a run nor by its processes.

Each point runs a command twice. The first time, a finder in every process notes which modules are asked for.
The second time, the current folder has a module of each of these names, and of each name of the standard
library and of the installed packages, which notes that it was imported.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.metadata import packages_distributions
from pathlib import Path
from random import Random

from prefect_servers import get_migrated_home
from sweep import Point, require

_COMMAND = Path(sys.executable).with_name("pipeline")
_TIMEOUT = 120.0  # seconds for a command that takes a few
# Beside the data, not in the current folder: a pipeline in a file may import its neighbours.
_OWN = """
import os, subprocess, sys
from pipeline_jobs import BaseJob, JobA, JobB, JobC
from pipeline_orchestration import PipelineDefinition

class Usual(BaseJob[object, object]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        code = "import sys; print(sys.flags.safe_path, sys.path[0] == '')"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert told.stdout == "False True\\n", told
        return value

pipeline = PipelineDefinition("own").add_job("usual", lambda run: Usual())
pipeline.add_job("A", lambda run: JobA(run.output_dir)).add_job("B", lambda run: JobB(run.store))
pipeline.add_job("C", lambda run: JobC(run.store))
"""
_NOTE_NAMES = """
import os, sys

class Noting:
    def find_spec(self, name, path=None, target=None):
        if path is None:
            with open(os.environ["SHADOWS_ASKED"], "a") as file:
                file.write(name + "\\n")
        return None

sys.meta_path.insert(0, Noting())
"""
_SHADOW = """
import os, sys
descriptor = os.open(os.environ["SHADOWS_HIT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(descriptor, f"{__name__} in {sys.orig_argv[1:4]}\\n".encode())
os.close(descriptor)
raise ImportError(f"a shadow of {__name__}")
"""


@dataclass(frozen=True, slots=True)
class _Case:
    """A command, and whether it needs Prefect."""

    words: tuple[str, ...]
    on_prefect: bool = False

    def __str__(self) -> str:
        return " ".join(self.words)


_FILES = ("../data/1.txt", "../data/2.txt", "../data/3.txt")
_OWN_PIPELINE = ("--pipeline", "../own/own_pipeline.py:pipeline")
_SEVERAL = ("run-all", *_FILES, "--concurrency", "2")
CASES = (
    _Case(("--help",)),
    _Case(("list-jobs",)),
    _Case(("doctor",)),
    _Case(("--engine", "local", "run-all", *_FILES)),
    _Case((*_OWN_PIPELINE, "--engine", "local", *_SEVERAL)),
    _Case(("--engine", "prefect", "run-all", *_FILES), on_prefect=True),
    _Case((*_OWN_PIPELINE, *_SEVERAL, "--task-runner", "threads"), on_prefect=True),
    _Case((*_OWN_PIPELINE, *_SEVERAL, "--task-runner", "processes"), on_prefect=True),
    _Case((*_OWN_PIPELINE, *_SEVERAL, "--task-runner", "dask"), on_prefect=True),
)


def make_shadow_points(chance: Random) -> list[Point]:
    """Return a point for each command that starts processes in another way."""
    points = [Point(f"shadow modules: {case}", partial(check_shadows, case)) for case in CASES]
    chance.shuffle(points)
    return points


def check_shadows(case: _Case, folder: Path) -> str:
    """Run a command in a folder that has a module of every name that it imports."""
    asked, hit = folder / "asked", folder / "hit"
    (folder / "data").mkdir()
    for name in _FILES:
        (folder / "data" / Path(name).name).write_text(f"{name}\n", encoding="utf-8")
    (folder / "own").mkdir()
    (folder / "own" / "own_pipeline.py").write_text(_OWN, encoding="utf-8")
    (folder / "noting").mkdir()
    (folder / "noting" / "sitecustomize.py").write_text(_NOTE_NAMES, encoding="utf-8")
    variables = {"SHADOWS_ASKED": str(asked), "SHADOWS_HIT": str(hit)}
    if case.on_prefect:
        shutil.copytree(get_migrated_home(), folder / "home" / ".prefect")

    first = _run(case, folder, "clean", variables | {"PYTHONPATH": str(folder / "noting")})
    names = {name.partition(".")[0] for name in asked.read_text(encoding="utf-8").split()}
    names |= sys.stdlib_module_names | packages_distributions().keys()
    place = folder / "shadows"
    place.mkdir()
    for name in names - {"own_pipeline", "__main__"}:
        (place / f"{name}.py").write_text(_SHADOW, encoding="utf-8")
    second = _run(case, folder, "shadows", variables)

    require(first.returncode == 0, "without shadows:", first.stdout + first.stderr)
    hits = sorted(set(hit.read_text(encoding="utf-8").splitlines())) if hit.exists() else []
    require(not hits, "imported from the current folder:", hits)
    require(second.returncode == 0, "with shadows:", second.stdout + second.stderr)
    return f"{len(names):,} shadows"


def _run(
    case: _Case, folder: Path, place: str, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    current = folder / place
    current.mkdir(exist_ok=True)
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "PYTHON"))}
    home = {"HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "home" / ".prefect")}
    return subprocess.run(
        [_COMMAND, "--output-dir", f"../out-{place}", "--db-path", f"../{place}.db", *case.words],
        cwd=current,
        env=usual | home | variables,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )
