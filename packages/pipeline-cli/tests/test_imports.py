"""What the command imports: most of the time that a person waits for it."""

import json
import subprocess
import sys

import pytest

# Prints, after each command, which of the heavy packages have been imported so far.
RUN = """
import json
import sys
from pipeline_cli.main import main
for arguments in json.loads(sys.argv[1]):
    sys.argv[1:] = ["--log-level", "OFF", *arguments]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, end
    heavy = {"fsspec", "msgspec", "peewee", "prefect", "pydantic", "rich"}
    print(*arguments, sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
LIGHT = [
    ["--help"],
    ["--version"],
    ["list-jobs"],
    *(
        [command, "--help"]
        for command in ("list-jobs", "run", "run-all", "rejects", "doctor", "adopt", "deploy", "serve")
    ),
]


@pytest.mark.parametrize(
    ("commands", "imported"),
    [
        pytest.param(LIGHT, [], id="help and list-jobs"),
        pytest.param([["doctor"]], ["msgspec", "peewee", "rich"], id="doctor"),
        pytest.param([["run", "sample.txt", "--stop-after", "A"]], ["msgspec"], id="run A"),
        pytest.param([["run-all", "sample.txt"]], ["msgspec", "peewee"], id="run-all"),
    ],
)
def test_nothing_is_imported_before_it_is_needed(folder, commands, imported):
    """Imports are most of a small run. This table does not vary, unlike seconds."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)], capture_output=True, text=True, check=False
    )

    expected = [f"{' '.join(arguments)} {imported}" for arguments in commands]
    assert (0, expected) == (done.returncode, done.stderr.splitlines())


def test_modules_in_the_current_folder_are_not_imported(folder, program):
    """They may have come with the data; only `--pipeline` imports from there."""
    for name in ("msgspec", "peewee", "tomllib"):
        (folder / f"{name}.py").write_text("raise SystemExit(99)", encoding="utf-8")
    (folder / "pipeline.toml").write_text('log_level = "OFF"', encoding="utf-8")

    done = program("run-all", "sample.txt")

    assert (0, "") == (done.code, done.err)
