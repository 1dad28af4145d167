"""Bad input: each kind has its code and message, and changes nothing, on either engine."""

import os
import socket
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineRunner

UTF_16 = "it begins with the mark of UTF-16: set the encoding utf-16"
NAME_IT = "if the file has another encoding, set it with --encoding"
SHAPE = 'expected a list of records, or an object with "records"'
RECORD = 'expected a string or an object with "content"'
HINT = "without record_count and records_sha256 it loads as written by hand"
KEYS = "format, version, source, record_count, records_sha256 and records"
NOT_FROM_1 = "expected a positive integer"

# The content of a text file, and the code and message of its refusal.
TEXTS = [
    (b"gr\xc3\xb6\xc3\x9fe\nna\xefve\n", "input.undecodable", f", byte 10, line 2: not utf-8; {NAME_IT}"),
    (b"\xff\xfea\0", "input.undecodable", f", byte 0, line 1: not utf-8; {UTF_16}"),
    (b"cut \xe2\x82", "input.undecodable", f", byte 4, line 1: not utf-8; {NAME_IT}"),
    (b"one\r\ntwo\rth\0ree\n", "input.nul", ", line 3: NUL characters are not allowed"),
]
# The content of a JSON document, with the same.
DOCUMENTS = [
    ("", "input.json", ": invalid JSON: it is empty"),
    ('["one", "tw', "input.json", ", line 1, column 9: invalid JSON: Unterminated string starting at"),
    ('["one", ', "input.json", ", line 1, column 9: invalid JSON: Expecting value"),
    ('["one"] ["two"]', "input.json", f": more than one JSON value, as in JSON Lines; {SHAPE}"),
    ('["one"] 2', "input.json", ", line 1, column 9: invalid JSON: expected the end"),
    ("7", "input.shape", f": {SHAPE}"),
    ("[7]", "input.shape", f", record 1: {RECORD}, got a number"),
    ('["one", null]', "input.shape", f", record 2: {RECORD}, got nothing"),
    ('{"lines": []}', "input.shape", f': {SHAPE}, got an object without a list of "records"'),
    ('[{"text": "one"}]', "input.shape", ', record 1: expected a string as "content", got nothing'),
    ('[{"content": "one", "text": 1}]', "input.shape", ", record 1: unknown key 'text'"),
    (
        '[{"content": "one", "line_number": 0}]',
        "input.shape",
        ", record 1: a line number is a whole number between 1 and 2^63 - 1",
    ),
    (
        '{"records": [], "version": 2}',
        "input.shape",
        ": 'version': newer than the latest known version, which is 1",
    ),
    ('{"records": [], "rows": 1}', "input.shape", f": 'rows': unknown key; a document has {KEYS}"),
    ("[NaN]", "input.number", ", line 1: NaN is not a JSON number"),
    ("[-Infinity]", "input.number", ", line 1: -Infinity is not a JSON number"),
    ("[1e999]", "input.number", ", line 1: the number 1e999 is too large"),
    (f"[{5000 * '9'}]", "input.number", f", line 1: the number {40 * '9'}… has too many digits"),
    (
        '{"records": [], "records": []}',
        "input.repeated_key",
        ", line 1: the key 'records' is given twice",
    ),
    (
        '[{"content": "a", "content": "b"}]',
        "input.repeated_key",
        ", line 1: the key 'content' is given twice",
    ),
    (
        '["a", {"content": "b", "line_number": 1}]',
        "input.repeated_line",
        ": line number 1 is given twice",
    ),
    (100_000 * "[", "input.nesting", ", line 1: nested too deep"),
    (r'["\ud800"]', "input.surrogate", ", record 1: lone surrogates are not allowed"),
    (r'["\u0000"]', "input.nul", ", record 1: NUL characters are not allowed"),
    (
        '{"records": ["a"], "record_count": 2}',
        "input.count",
        f": holds 1 records, but record_count is 2; {HINT}",
    ),
    (
        f'{{"records": ["a"], "records_sha256": "{64 * "0"}"}}',
        "input.hash",
        f": the records do not match records_sha256; {HINT}",
    ),
]
# Text given as a path.
PATHS = [
    ("none.txt", "input.missing", "{folder}/none.txt: no such file"),
    ("sample.txt/x", "input.missing", "{folder}/sample.txt/x: no such file"),
    ("folder", "input.not_a_file", "{folder}/folder: is a folder, expected a regular file"),
    ("fifo", "input.not_a_file", "{folder}/fifo: is a FIFO, expected a regular file"),
    ("socket", "input.not_a_file", "{folder}/socket: is a socket, expected a regular file"),
    ("/dev/null", "input.not_a_file", "/dev/null: is a device, expected a regular file"),
    ("", "input.path", "the path is empty"),
]
# Text given as a batch id. -1 stands after `--`: without it, -1 is an unknown option.
IDS = [
    *(
        (text, "input.id", f"invalid batch id {text!r}: {NOT_FROM_1}")
        for text in ("", "0", "-1", "1.0", "1_000", "٣", "True")
    ),
    *(
        (text, "input.id", f"invalid batch id {text!r}: {NOT_FROM_1}")
        for text in ("abc", "01", "+1", " 1", "1\n", "1e3")
    ),
    (str(2**63), "input.id", f"invalid batch id {2**63}: expected an integer between 1 and 2^63 - 1"),
    ("2", "batch.not_found", "no batch with id 2 in {folder}/data/pipeline.db"),
    (str(2**63 - 1), "batch.not_found", f"no batch with id {2**63 - 1} in {{folder}}/data/pipeline.db"),
]


@pytest.fixture
def used_folder(folder):
    """A folder with one finalized batch, and with things that are not regular files."""
    Path("sample.txt").write_text("hello world\n", encoding="utf-8")
    PipelineRunner(engine="local").run("sample.txt")
    Path("folder").mkdir()
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
    return folder


@pytest.fixture
def files(used_folder):
    """The bad texts and documents as files."""
    for number, (content, *_) in enumerate(TEXTS):
        Path(f"{number}.txt").write_bytes(content)
    for number, (content, *_) in enumerate(DOCUMENTS):
        Path(f"{number}.json").write_text(content, encoding="utf-8")


CASES = [
    *(("A", f"{n}.txt", code, f"{{folder}}/{n}.txt{message}") for n, (_, code, message) in enumerate(TEXTS)),
    *(
        ("B", f"{n}.json", code, f"{{folder}}/{n}.json{message}")
        for n, (_, code, message) in enumerate(DOCUMENTS)
    ),
    *(("A", *path) for path in PATHS),
    *(("B", *path) for path in PATHS),
    *(("C", *number) for number in IDS),
]


# The command reads a pipe that it is given by name.
OF_COMMAND = [case for case in CASES if case[1] != "fifo"]


@pytest.mark.parametrize(
    ("job", "value", "code", "message"), OF_COMMAND, ids=[f"{job} {value!r}" for job, value, *_ in OF_COMMAND]
)
def test_bad_input_is_refused_and_changes_nothing(
    run_json, files, folder, snapshot, job, value, code, message
):
    before = snapshot()
    exit_code, printed = run_json("run", "--json", "--start-from", job, "--", value)

    (run,) = printed["runs"]
    error = {"job": job, "code": code, "message": message.format(folder=folder), "retriable": False}
    assert error == run["error"]
    assert ({"input": 3, "batch": 4}[code.partition(".")[0]], False) == (exit_code, run["success"])
    assert run["continue_with"] is None
    assert before == snapshot()


@pytest.mark.parametrize("job", ["A", "B", "C"])
def test_prefect_refuses_it_with_the_same_messages(prefect_server, files, folder, snapshot, job, monkeypatch):
    """All bad input of a job in one flow run: a refused input does not stop the others."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    before = snapshot()
    cases = [case[1:] for case in CASES if case[0] == job]
    results = PipelineRunner(log_level="OFF").run_many([value for value, *_ in cases], start_from=job)

    found = [(result.engine, result.last.job, result.code, result.error) for result in results]
    assert [("prefect", job, code, message.format(folder=folder)) for _, code, message in cases] == found
    assert before == snapshot()


@pytest.mark.parametrize("job", ["A", "B", "C"])
def test_bad_input_in_an_empty_folder_creates_nothing(run_json, folder, snapshot, job):
    """Neither the output folder nor the database."""
    before = snapshot()
    exit_code, _ = run_json("run", "--json", "--start-from", job, "0")

    assert 3 == exit_code
    assert before == snapshot()
