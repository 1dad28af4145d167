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
    heavy = {"fsspec", "msgspec", "peewee", "prefect", "pydantic", "rich"}
    print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [
        (["--help"], []),
        (["--version"], []),
        (["run", "--help"], []),
        (["list-jobs"], []),
        (["deploy", "--help"], []),
        (["serve", "--help"], []),
        (["doctor", "--help"], []),
        (["doctor"], ["msgspec", "peewee", "rich"]),
        (["run", "sample.txt", "--stop-after", "A"], ["msgspec"]),
        (["run-all", "sample.txt"], ["msgspec", "peewee"]),
    ],
    ids=" ".join,
)
def test_nothing_is_imported_before_it_is_needed(folder, arguments, imported):
    """Imports are most of a small run; this table keeps it short and, unlike seconds, it does not vary."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--log-level", "OFF", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, f"{imported}\n") == (done.returncode, done.stderr)


def test_what_lies_in_the_current_folder_is_not_imported(folder, program):
    """Unless a pipeline there is asked for: it may have come with the data."""
    for name in ("msgspec", "peewee", "tomllib"):
        (folder / f"{name}.py").write_text("raise SystemExit(99)", encoding="utf-8")
    (folder / "pipeline.toml").write_text('log_level = "OFF"', encoding="utf-8")

    done = program("run-all", "sample.txt")

    assert (0, "") == (done.code, done.err)
