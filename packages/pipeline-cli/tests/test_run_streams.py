"""Standard input and pipes as inputs of `pipeline run` and `run-all`."""

import os
import pty
import signal
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

OFF = "pipeline --log-level OFF"


@pytest.fixture(autouse=True)
def temporary_folder(folder, monkeypatch):
    """A folder for temporary files, which has to be empty after each command.

    Its name is short, as those of the sockets of worker processes have to be.
    """
    with tempfile.TemporaryDirectory() as path:
        monkeypatch.setenv("TMPDIR", path)
        yield path
        assert [] == list(Path(path).iterdir())


def read_batches():
    with closing(sqlite3.connect("data/pipeline.db")) as connection:
        return connection.execute(
            "SELECT id, source, source_name, record_count, status FROM processing_batches ORDER BY id"
        ).fetchall()


def test_standard_input_is_an_input(shell, folder):
    done = shell("cat sample.txt | pipeline run-all -")

    document = folder / "data/output/stdin_processed.json"
    assert 0 == done.code
    assert [
        "-",
        f"  A        3 records    #.### s  {document}",
        "  B        3 records    #.### s  batch 1",
        "  C        3 records    #.### s  batch 1",
    ] == done.out.splitlines()
    assert [
        "INFO engine local: no Prefect API is configured",
        "INFO reading standard input to its end",
        "INFO A -: 3 lines, 3 records, 0 blank in #.### s",
        "INFO B -: 3 records in #.### s",
        "INFO C -: 3 records in #.### s",
    ] == done.err.splitlines()
    assert [(1, "stdin:", "stdin", 3, "finalized")] == read_batches()
    assert b'"source":{"uri":"stdin:","name":"stdin","bytes":40,' in document.read_bytes()


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (f"cat sample.txt | {OFF} run-all -", "-"),
        (f"{OFF} run-all - < sample.txt", "-"),
        (f"cat sample.txt | {OFF} run-all /dev/stdin", "-"),
        (f"cat sample.txt | {OFF} run-all - /dev/stdin -", "-"),
        (f"{OFF} run-all <(cat sample.txt)", "/dev/fd/63"),
    ],
)
def test_the_same_bytes_are_a_duplicate_however_they_come(shell, line, label):
    shell(f"cat sample.txt | {OFF} run-all -")

    done = shell(line)

    assert (0, "") == (done.code, done.err)
    assert label == done.out.splitlines()[0]
    assert "  B        3 records    #.### s  batch 1 (was there already)" == done.out.splitlines()[2]
    assert [(1, "stdin:", "stdin", 3, "finalized")] == read_batches()


def test_other_bytes_have_a_document_of_their_own(shell, folder):
    """A run beside this one may not have loaded the other document yet."""
    done = shell(f"{OFF} run-all <(echo one) <(echo two) <(echo one)")

    assert "3 inputs: 3 done, 0 failed" == done.out.splitlines()[-1]
    assert [(1, "stdin:", "stdin", 1, "finalized"), (2, "stdin:", "stdin", 1, "finalized")] == read_batches()
    documents = sorted(path.name for path in (folder / "data/output").iterdir())
    assert ["stdin_a14e8138_processed.json", "stdin_processed.json"] == documents


def test_a_regular_file_keeps_its_own_name(shell, folder):
    """As it is the file that the system opens by that path."""
    shell(f"{OFF} run-all /dev/stdin < sample.txt")

    assert [(1, f"file://{folder}/sample.txt", "sample.txt", 3, "finalized")] == read_batches()


def test_a_named_pipe_has_its_name(shell, folder):
    done = shell(
        "mkfifo orders.fifo; cat sample.txt > orders.fifo & pipeline run-all orders.fifo ./orders.fifo"
    )

    assert f"A        3 records    #.### s  {folder}/data/output/orders_processed.json" in done.out
    assert "INFO reading orders.fifo until it is closed" in done.err.splitlines()
    assert [(1, f"file://{folder}/orders.fifo", "orders.fifo", 3, "finalized")] == read_batches()


def test_a_named_pipe_is_decompressed_by_its_name(shell, folder):
    done = shell(f"mkfifo x.gz; gzip < sample.txt > x.gz & {OFF} run-all x.gz")

    assert "  B        3 records    #.### s  batch 1" in done.out.splitlines()


@pytest.mark.parametrize("options", ["", "--concurrency 2"])
def test_standard_input_stands_beside_others(shell, folder, options):
    (folder / "own.py").write_text(OWN)

    done = shell(f"cat sample.txt | {OFF} --pipeline own.py:load run-all - sample.txt {options}")

    assert "2 inputs: 2 done, 0 failed" == done.out.splitlines()[-1]
    assert {("stdin:", 3), (f"file://{folder}/sample.txt", 3)} == {
        (source, count) for _, source, _, count, _ in read_batches()
    }


OWN = """
from pathlib import Path
from pipeline_jobs import BaseJob, JobB
from pipeline_orchestration import PipelineDefinition

class Load(BaseJob[Path, list]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        if self.source:
            assert ("stdin:", "stdin") == (self.source.uri, value.name)
        with value.open() as once:
            once.read()
        return value.read_text().splitlines()

class Show(BaseJob[object, str]):
    def validate_input(self, value):
        return value

    def single_job(self, value):
        return f"{value!r} {self.source}"

class Mode(Load):
    def single_job(self, value):
        return [oct(path.stat().st_mode & 0o777) for path in (value, value.parent)]

class Text(Show):
    takes = "text"

load = PipelineDefinition("load").add_job("load", lambda run: Load())
load.add_job("B", lambda run: JobB(run.store))
text = PipelineDefinition("text").add_job("show", lambda run: Text())
mode = PipelineDefinition("mode").add_job("mode", lambda run: Mode())
undeclared = PipelineDefinition("undeclared").add_job("show", lambda run: Show())
"""


def test_only_this_user_can_read_what_is_kept_of_standard_input(shell, folder):
    (folder / "own.py").write_text(OWN)

    done = shell(f"umask 0; echo one | {OFF} --pipeline own.py:mode run-all -")

    assert (0, "-\n  mode                     #.### s  ['0o600', '0o700']\n") == (done.code, done.out)


def test_a_job_that_takes_text_gets_the_dash(shell, folder):
    (folder / "own.py").write_text(OWN)

    done = shell(f"echo one | {OFF} --pipeline own.py:text run-all -")

    assert (0, "-\n  show                     #.### s  '-' None\n", "") == (done.code, done.out, done.err)


def test_a_job_that_does_not_say_what_it_takes_gets_the_dash(shell, folder):
    """A warning says what to do."""
    (folder / "own.py").write_text(OWN)

    done = shell("echo one | pipeline --log-level WARNING --pipeline own.py:undeclared run-all -")

    text = (
        "job show: '-' was taken for text, not for standard input; its class Show does not say what it takes"
    )
    hint = 'write takes = "files" or takes = "text" in it'
    assert "-\n  show                     #.### s  '-' None\n" == done.out
    assert f"WARNING {text}: {hint}\n" == done.err


def test_job_b_loads_a_document_from_standard_input(shell, folder):
    """The document names its source; data that name none have standard input as theirs."""
    shell(f"{OFF} run-all sample.txt")

    done = shell(f"cat data/output/sample_processed.json | {OFF} run --start-from B -")
    assert "  B        3 records    #.### s  batch 1 (was there already)" == done.out.splitlines()[1]
    done = shell(f"""echo '["one", "two"]' | {OFF} run --start-from B -""")
    assert "  B        2 records    #.### s  batch 2" == done.out.splitlines()[1]
    assert (2, "stdin:", "stdin", 2, "finalized") == read_batches()[1]


@pytest.mark.parametrize("line", [f"{OFF} run-all - < /dev/null", f"true | {OFF} run-all -"])
def test_empty_standard_input_is_an_empty_file(shell, line):
    done = shell(line)

    assert (0, "  B        0 records    #.### s  batch 1") == (done.code, done.out.splitlines()[2])


KEPT = "standard input is kept there during the run: set TMPDIR to a folder with room for it"


@pytest.mark.parametrize(
    ("line", "exit_code", "error", "code"),
    [
        (
            f"{OFF} run-all - <&-",
            3,
            "A -: standard input is closed; pipe something into the command, or name a file",
            "input.unreadable",
        ),
        (
            f"gzip < sample.txt | {OFF} run-all -",
            3,
            "A -: stdin, byte 1, line 1: not utf-8; it is compressed by gzip: zcat x.gz | pipeline run-all -",
            "input.undecodable",
        ),
        (
            f"echo 1 | {OFF} run --start-from C -",
            3,
            "C -: invalid batch id '-': expected a positive integer",
            "input.id",
        ),
        (
            f"echo '{{' | {OFF} run --start-from B -",
            3,
            "B -: stdin, line 2, column 1: invalid JSON: expected a key in double quotes",
            "input.json",
        ),
        (
            f"""echo '["one"]' | {OFF} --db-path /proc/x.db run --start-from B -""",
            6,
            "B -: /proc/x.db: cannot be created: No such file or directory",
            "database.unavailable",
        ),
        (
            # The limit is not for what measures the coverage of the command, which writes a file of its own.
            f"unset COVERAGE_PROCESS_CONFIG; ulimit -f 8; head -c 20000 /dev/zero | {OFF} run-all -",
            5,
            f"A -: {{}}: cannot be written: File too large; {KEPT}",
            "output.no_space",
        ),
    ],
    ids=["closed", "compressed", "no id", "no JSON", "no database", "full disk"],
)
def test_what_is_wrong_is_said_in_words(shell, temporary_folder, line, exit_code, error, code):
    """No command to continue is printed: the data are gone."""
    done = shell(line)

    assert (exit_code, "-\n") == (done.code, done.out)
    assert f"Error: {error.replace('{}', temporary_folder)} [{code}]\n" == done.err


def test_after_the_first_job_a_failed_run_can_continue(shell, folder):
    done = shell(f"cat sample.txt | {OFF} --db-path /proc/x.db run-all -")

    document = folder / "data/output/stdin_processed.json"
    command = f"pipeline --log-level OFF --db-path /proc/x.db run --start-from B {document}"
    assert f"To continue: {command}" == done.err.splitlines()[-1]


def test_a_full_disk_stops_no_other_input(shell, folder):
    done = shell(f"ulimit -f 64; head -c 200000 /dev/zero | {OFF} run --stop-after A - sample.txt")

    assert (5, "2 inputs: 1 done, 1 failed") == (done.code, done.out.splitlines()[-1])


def test_the_name_of_a_pipe_in_a_folder_is_no_input(shell, folder):
    """Only one that is named is read: nobody may write to the others."""
    done = shell(f"mkdir in; mkfifo in/x; {OFF} run-all in")

    assert f"Error: A in: {folder}/in: is a folder, expected a regular file [input.not_a_file]\n" == done.err


def test_a_terminal_is_read_until_ctrl_d(folder):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["pipeline", "run-all", "-"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        os.write(ours, b"typed\nlines\n\x04")
        out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    hint = b"INFO reading standard input from the terminal: Ctrl-D at the start of a line ends it"
    assert hint in err.splitlines()
    assert b"B        2 records" in out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_a_writer(folder, default_signals, number, code):
    """And leaves no temporary file."""
    os.mkfifo(folder / "x")
    with default_signals():
        process = subprocess.Popen(["pipeline", "run-all", "x"], stderr=subprocess.PIPE)
    with process:
        for line in process.stderr:
            if line == b"INFO reading x until it is closed\n":
                break
        process.send_signal(number)
        process.communicate(timeout=60)

    assert code == process.returncode


def test_json_names_standard_input(shell):
    done = shell(f"cat sample.txt | {OFF} run-all - --json")

    (run,) = done.document["runs"]
    assert ("-", 1, None) == (run["input"], run["batch_id"], run["continue_with"])


def test_a_file_named_like_a_dash_is_given_by_its_path(shell, folder):
    (folder / "-").write_bytes(b"one\n")

    shell(f"echo two | {OFF} run-all ./-")

    assert [(1, f"file://{folder}/-", "-", 1, "finalized")] == read_batches()
