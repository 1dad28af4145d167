"""The public names of the package, and the cost of importing them."""

import subprocess
import sys

import pipeline_jobs

RUN = """
import sys
from pathlib import Path
from pipeline_jobs import JobA, JobB, JobC
from pipeline_jobs.testing import MemoryStore

folder = Path(sys.argv[1])
(folder / "x.txt").write_text("a")
store = MemoryStore()
document = JobA(folder).execute(folder / "x.txt").unwrap()
batch = JobB(store).execute(document).unwrap()
print(JobC(store).execute(batch).unwrap())
print(sorted({"pydantic", "prefect", "peewee", "click", "pytest", "fsspec", "tempfile"} & set(sys.modules)))
"""


def test_jobs_run_without_heavy_imports(tmp_path):
    """Importing pydantic takes longer than a small run, and only a handwritten header needs it."""
    done = subprocess.run([sys.executable, "-c", RUN, tmp_path], capture_output=True, text=True, check=True)

    assert "1\n[]\n" == done.stdout


def test_public_names_exist_and_are_sorted():
    assert sorted(pipeline_jobs.__all__, key=lambda name: (not name.isupper(), name)) == pipeline_jobs.__all__
    assert all(hasattr(pipeline_jobs, name) for name in pipeline_jobs.__all__)
