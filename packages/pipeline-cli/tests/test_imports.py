"""What the command imports, and with it how long a person waits."""

import subprocess
import sys

import pytest

RUN = """
import sys
from pipeline_cli.main import main
try:
    main()
finally:
    print(sorted({"peewee", "prefect", "pydantic"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [
        (["--help"], []),
        (["--version"], []),
        (["run", "--help"], []),
        (["list-jobs"], []),
        (["run", "sample.txt", "--stop-after", "A"], ["pydantic"]),
        (["run-all", "sample.txt"], ["peewee", "pydantic"]),
    ],
    ids=" ".join,
)
def test_nothing_is_imported_before_it_is_needed(folder, arguments, imported):
    """Prefect takes 2.7 s, Pydantic 0.3 s and Peewee 0.1 s; a run in this process never needs the first."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--log-level", "OFF", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, f"{imported}\n") == (done.returncode, done.stderr)
