"""The first demo of this project: every command and every line of Python in it, unchanged."""

import re
import sqlite3
import subprocess
from contextlib import closing

import pytest

SAMPLE = """\
mkdir demo_data
cat <<EOF > demo_data/sample.txt
hello world
prefect pipeline
end to end
EOF
"""
A = "  A        3 records  #.### s  {folder}/data/output/sample_processed.json\n"
B = "  B        3 records  #.### s  batch 1\n"
B_AGAIN = "  B        3 records  #.### s  batch 1 (was there already)\n"
C = "  C        3 records  #.### s  batch 1\n"
JSON = "./data/output/sample_processed.json"

# In this order. Unlike when the demo was written, the same content is loaded only once.
COMMANDS = [
    ("pipeline list-jobs", "Available jobs:\n  1. A\n  2. B\n  3. C\n"),
    ("pipeline run-all demo_data/sample.txt", f"demo_data/sample.txt\n{A}{B}{C}"),
    ("pipeline run demo_data/sample.txt --stop-after A", f"demo_data/sample.txt\n{A}"),
    ("pipeline run demo_data/sample.txt --stop-after B", f"demo_data/sample.txt\n{A}{B_AGAIN}"),
    (f"pipeline run {JSON} --start-from B", f"{JSON}\n{B_AGAIN}{C}"),
    ("pipeline run 1 --start-from C --stop-after C", f"1\n{C}"),
    ("pipeline --log-level DEBUG run demo_data/sample.txt", f"demo_data/sample.txt\n{A}{B_AGAIN}{C}"),
    ("pipeline --log-level OFF run demo_data/sample.txt", f"demo_data/sample.txt\n{A}{B_AGAIN}{C}"),
    (
        "pipeline --output-dir ./my_output --db-path ./my_data.db run demo_data/sample.txt",
        f"demo_data/sample.txt\n{A.replace('data/output', 'my_output')}{B}{C}",
    ),
    ("ls ./data/output/", "sample_processed.json\n"),
]

BASIC = """
from pathlib import Path
from prefect_pipeline.pipeline import PipelineRunner

# Create a runner with configuration
runner = PipelineRunner(
    output_dir=Path("./output"),
    db_path=Path("./pipeline.db"),
    log_level="INFO",  # or "OFF" to disable logging
)

# Run the full pipeline
result = runner.run(Path("input.txt"))

# Check the result
if result.success:
    print(f"Success! Output: {result.output}")
else:
    print(f"Failed: {result.error}")
"""
FLEXIBLE = [
    ('result = runner.run(Path("input.txt"))', 1),
    ('result = runner.run(Path("processed.json"), start_from="B")', 2),
    ('result = runner.run(Path("input.txt"), stop_after="A")', "output/input_processed.json"),
    ('result = runner.run(processed_data, start_from="B", stop_after="B")', 3),
    ('result = runner.run_full(Path("input.txt"))', 1),
    ('result = runner.run_single("A", Path("input.txt"))', "output/input_processed.json"),
    ('result = runner.run_from("B", processed_data)', 3),
    ('result = runner.run_until("B", Path("input.txt"))', 1),
]


def read_rows(database, query):
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.execute(query))


def test_every_command_of_the_demo(folder):
    """Run one after another in bash, as a reader of the demo does."""
    printed = []
    subprocess.run(["bash", "-ec", SAMPLE], check=True)
    for command, _ in COMMANDS:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        printed.append((command, re.sub(r" +\d+\.\d{3} s", "  #.### s", done.stdout)))
        assert done.returncode == 0, done.stderr
        assert ("OFF" in command or "list-jobs" in command or "ls " in command) == (done.stderr == "")

    assert printed == [(command, expected.format(folder=folder)) for command, expected in COMMANDS]
    for database in ("./data/pipeline.db", "./my_data.db"):
        ((number, source, name, _, count, status, created, finalized, run, *_),) = read_rows(
            database, "SELECT * FROM processing_batches;"
        )
        assert (1, f"file://{folder}/demo_data/sample.txt", "sample.txt") == (number, source, name)
        assert (3, "finalized") == (count, status)
        assert created < finalized
        assert run
        assert [
            (1, 1, "hello world"),
            (1, 2, "prefect pipeline"),
            (1, 3, "end to end"),
        ] == read_rows(database, "SELECT * FROM processed_records;")


@pytest.fixture
def namespace(folder):
    """The files and names that the Python lines of the demo use."""
    (folder / "input.txt").write_text("one\ntwo\n", encoding="utf-8")
    (folder / "processed.json").write_text('["three"]', encoding="utf-8")
    return {"processed_data": {"records": ["four", {"content": "five", "line_number": 7}]}}


def test_every_line_of_python_of_the_demo(engine, namespace, folder, capsys):
    """On both engines."""
    exec(BASIC, namespace)
    outputs = []
    for line, _ in FLEXIBLE:
        exec(line, namespace)
        assert namespace["result"].success, namespace["result"].error
        assert namespace["result"].engine == engine
        outputs.append((line, namespace["result"].output))
    exec("print(runner.available_jobs)", namespace)

    assert "Success! Output: 1\n['A', 'B', 'C']\n" == capsys.readouterr().out
    assert outputs == [
        (line, folder / expected if isinstance(expected, str) else expected) for line, expected in FLEXIBLE
    ]
    assert [
        (f"file://{folder}/input.txt", "finalized", 2),
        (f"file://{folder}/processed.json", "finalized", 1),
        ("memory:", "finalized", 2),
    ] == read_rows("pipeline.db", "SELECT source, status, record_count FROM processing_batches ORDER BY id")


def test_a_failure_of_the_demo(engine, namespace, folder, capsys):
    """Without the input, the last line of the first program prints the error."""
    (folder / "input.txt").unlink()

    exec(BASIC, namespace)

    assert f"Failed: {folder}/input.txt: no such file\n" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("pipeline", ["JobSpec", "PipelineDefinition", "PipelineRunner", "make_job_task", "run_pipeline"]),
        ("jobs", ["BaseJob", "JobA", "JobB", "JobC", "JobResult"]),
        ("config", ["PipelineConfig"]),
        ("database", ["ProcessedRecord", "ProcessingBatch"]),
        ("validators", ["parse_batch_id", "parse_input_path"]),
    ],
)
def test_the_modules_of_the_demo_can_be_imported(module, names):
    """The import paths of the demo are kept as aliases."""
    namespace = {}

    exec(f"from prefect_pipeline.{module} import {', '.join(names)}", namespace)

    assert set(names) <= namespace.keys()
