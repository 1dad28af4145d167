"""A user's own pipeline: the example, run as the README says."""

import re
import subprocess
import sys
from pathlib import Path

from pipeline_db.testing import postgres_server, postgres_url  # noqa: F401  # fixtures
from pipeline_orchestration import PipelineRunner

EXAMPLES = Path(__file__).parents[1] / "examples"
REFERENCE = f"{EXAMPLES / 'word_count.py'}:pipeline"


def test_own_jobs_are_listed(pipeline):
    """The fourth job comes last."""
    done = pipeline("--pipeline", REFERENCE, "list-jobs")

    assert done.stdout == "Available jobs:\n  1. A\n  2. B\n  3. C\n  4. words\n"


def test_own_pipeline_runs_from_the_command_line(pipeline, engine):
    """The output of the fourth job is shown like any output, on both engines."""
    done = pipeline("--pipeline", REFERENCE, "--engine", engine, "run-all", str(EXAMPLES / "sample.txt"))

    assert done.returncode == 0, done.stderr
    last = re.sub(r"\d+\.\d+ s", "… s", done.stdout.splitlines()[-1])
    assert "  words          7 words    … s  end 2, hello 1, world 1" == last


def test_own_pipeline_is_found_in_the_current_folder(pipeline, folder):
    """A module in the current folder is named without its path."""
    (folder / "mine.py").write_bytes((EXAMPLES / "word_count.py").read_bytes())
    (folder / "sample.txt").write_text("so so\n", encoding="utf-8")

    done = pipeline("--pipeline", "mine:pipeline", "run", "sample.txt", "--stop-after", "C")
    words = pipeline("--pipeline", "mine:pipeline", "run", "1", "--start-from", "words")

    assert done.returncode == 0, done.stderr
    assert "so 2" in words.stdout


def test_own_pipeline_runs_from_python(engine):
    """The runner takes a reference to a definition, and starts from any of its jobs."""
    runner = PipelineRunner(pipeline=REFERENCE, engine=engine)

    result = runner.run(EXAMPLES / "sample.txt")

    assert ["A", "B", "C", "words"] == runner.available_jobs
    assert result.output == "end 2, hello 1, world 1"
    assert result.output == runner.run_single("words", result.batch_id).output


def test_own_pipeline_reads_from_postgresql(pipeline, postgres_url):  # noqa: F811  # a fixture
    done = pipeline(
        "--pipeline", REFERENCE, "--db-url", postgres_url, "run-all", str(EXAMPLES / "sample.txt")
    )

    assert done.returncode == 0, done.stderr
    last = re.sub(r"\d+\.\d+ s", "… s", done.stdout.splitlines()[-1])
    assert "  words          7 words    … s  end 2, hello 1, world 1" == last


def test_example_runs_as_a_program(folder):
    """The example can also be run by Python."""
    (folder / "examples").symlink_to(EXAMPLES)

    done = subprocess.run(
        [sys.executable, "examples/word_count.py"], capture_output=True, text=True, check=True
    )

    assert done.stdout == "end 2, hello 1, world 1\n"
