"""The calls from the command to the jobs and back, counted in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_small_run_calls_few_functions(folder, monkeypatch):
    """Functions that only hand a call on come back unnoticed, one at a time: each of them looks reasonable.

    A reader follows every call, so their number is limited for `pipeline run-all` on a file of two lines.
    Counted are calls of functions and class bodies in our packages, the modules that they are in, and how
    deep the calls are nested. In November 2026 these were 945, 75 and 28, and then, without such functions,
    545, 61 and 20. Checks of what a job returns and counts, standard streams that know their own failed
    writes, and queries that read back, made it 591, 62 and 20; files and documents that other jobs open and
    write as A does, 614, 63 and 20; the log and the progress of any job, and the question to the first job
    what an input means, 678, 64 and 20; more settings, and the look at who may have written a file, 693, 64
    and 20; a store that loads rows into tables too, and sums in its batches, 777, 69 and 24. If a new feature
    needs more, raise the limit in the same change.
    """
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # each piece of a line would be a call
    (folder / "x.txt").write_text("one\ntwo\n", encoding="utf-8")
    script = Path(__file__).with_name("count_calls.py")

    done = subprocess.run(
        [sys.executable, str(script), "report.json", "run-all", "x.txt"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    most_called = "most called:\n" + "\n".join(report["most_called"])
    assert report["calls"] <= 785, most_called
    assert report["modules"] <= 69, most_called
    assert report["deepest"] <= 24, most_called
