"""Bad input: each kind of it with its code and message, and nothing changed by it, on either engine."""

import os
import socket
from pathlib import Path

import pytest

from pipeline_orchestration import PipelineRunner

NAME_IT = "if it is in another encoding, name that one"
SHAPE = 'expected a list of records, or an object with "records"'
RECORD = 'expected a string or an object with "content"'
HINT = "without record_count and records_sha256 it loads as written by hand"
KEYS = "format, version, source, record_count, records_sha256 and records"
NOT_FROM_1 = "is no batch id; it is a whole number from 1"

# What stands in a text file, and what is said of it.
TEXTS = [
    (b"gr\xc3\xb6\xc3\x9fe\nna\xefve\n", "input.undecodable", f", byte 10, line 2: not utf-8; {NAME_IT}"),
    (b"\xff\xfea\0", "input.undecodable", f", byte 0, line 1: not utf-8; {NAME_IT}"),
    (b"cut \xe2\x82", "input.undecodable", f", byte 4, line 1: not utf-8; {NAME_IT}"),
    (b"one\r\ntwo\rth\0ree\n", "input.nul", ", line 3: a NUL character is no text"),
]
# What stands in a JSON document.
DOCUMENTS = [
    ("", "input.json", ": no valid JSON: it is empty"),
    ('["one", "tw', "input.json", ", line 1, column 9: no valid JSON: Unterminated string starting at"),
    ('["one", ', "input.json", ", line 1, column 9: no valid JSON: Expecting value"),
    ('["one"] ["two"]', "input.json", ", line 1, column 9: no valid JSON: expected the end"),
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
        ": 'version': newer than this program knows, which is 1",
    ),
    ('{"records": [], "rows": 1}', "input.shape", f": 'rows': unknown key; a document has {KEYS}"),
    ("[NaN]", "input.number", ", line 1: NaN is no JSON number"),
    ("[-Infinity]", "input.number", ", line 1: -Infinity is no JSON number"),
    ("[1e999]", "input.number", ", line 1: the number 1e999 is beyond reason"),
    (f"[{5000 * '9'}]", "input.number", f", line 1: the number {40 * '9'}… is beyond reason"),
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
    (r'["\ud800"]', "input.surrogate", ", record 1: a lone surrogate is no text"),
    (r'["\u0000"]', "input.nul", ", record 1: a NUL character is no text"),
    (
        '{"records": ["a"], "record_count": 2}',
        "input.count",
        f": holds 1 records where record_count says 2; {HINT}",
    ),
    (
        f'{{"records": ["a"], "records_sha256": "{64 * "0"}"}}',
        "input.hash",
        f": the records are not those of records_sha256; {HINT}",
    ),
]
# What is given as a path.
PATHS = [
    ("none.txt", "input.missing", "{folder}/none.txt: no such file"),
    ("sample.txt/x", "input.missing", "{folder}/sample.txt/x: no such file"),
    ("folder", "input.not_a_file", "{folder}/folder: is a folder, expected a regular file"),
    ("fifo", "input.not_a_file", "{folder}/fifo: is a FIFO, expected a regular file"),
    ("socket", "input.not_a_file", "{folder}/socket: is a socket, expected a regular file"),
    ("/dev/null", "input.not_a_file", "/dev/null: is a device, expected a regular file"),
    ("", "input.path", "the path is empty"),
]
# What is given as a batch id; -1 as an input, after `--`, as -1 alone is an unknown option.
IDS = [
    *((text, "input.id", f"{text!r} {NOT_FROM_1}") for text in ("", "0", "-1", "1.0", "1_000", "٣", "True")),
    *((text, "input.id", f"{text!r} {NOT_FROM_1}") for text in ("abc", "01", "+1", " 1", "1\n", "1e3")),
    (str(2**63), "input.id", f"{2**63} is no batch id; it lies between 1 and 2^63 - 1"),
    ("2", "batch.not_found", "no batch with id 2 in {folder}/data/pipeline.db"),
    (str(2**63 - 1), "batch.not_found", f"no batch with id {2**63 - 1} in {{folder}}/data/pipeline.db"),
]


@pytest.fixture
def lived_in(folder):
    """A folder with one finalized batch, and with what is no file."""
    Path("sample.txt").write_text("hello world\n", encoding="utf-8")
    PipelineRunner(engine="local").run("sample.txt")
    Path("folder").mkdir()
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
    return folder


@pytest.fixture
def files(lived_in):
    """The bad texts and documents as files."""
    for number, (content, *_) in enumerate(TEXTS):
        Path(f"{number}.txt").write_bytes(content)
    for number, (content, *_) in enumerate(DOCUMENTS):
        Path(f"{number}.json").write_text(content, encoding="utf-8")


CASES = [
    *(("A", f"{n}.txt", code, f"{{folder}}/{n}.txt{said}") for n, (_, code, said) in enumerate(TEXTS)),
    *(("B", f"{n}.json", code, f"{{folder}}/{n}.json{said}") for n, (_, code, said) in enumerate(DOCUMENTS)),
    *(("A", *path) for path in PATHS),
    *(("B", *path) for path in PATHS),
    *(("C", *number) for number in IDS),
]


@pytest.mark.parametrize(
    ("job", "value", "code", "message"), CASES, ids=[f"{job} {value!r}" for job, value, *_ in CASES]
)
def test_bad_input_is_refused_and_changes_nothing(
    document, files, folder, everything, job, value, code, message
):
    before = everything()
    exit_code, printed = document("run", "--json", "--start-from", job, "--", value)

    (run,) = printed["runs"]
    error = {"job": job, "code": code, "message": message.format(folder=folder), "retriable": False}
    assert error == run["error"]
    assert ({"input": 3, "batch": 4}[code.partition(".")[0]], False) == (exit_code, run["success"])
    assert run["continue_with"] is None
    assert before == everything()


@pytest.mark.parametrize("job", ["A", "B", "C"])
def test_prefect_refuses_it_with_the_same_words(prefect_server, files, folder, everything, job, monkeypatch):
    """All bad input of a job in one flow run: what is refused does not keep the rest from being looked at."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)
    before = everything()
    cases = [case[1:] for case in CASES if case[0] == job]
    results = PipelineRunner(log_level="OFF").run_many([value for value, *_ in cases], start_from=job)

    said = [(result.engine, result.last.job, result.code, result.error) for result in results]
    assert [("prefect", job, code, message.format(folder=folder)) for _, code, message in cases] == said
    assert before == everything()


@pytest.mark.parametrize("job", ["A", "B", "C"])
def test_where_nothing_was_nothing_is_made(document, folder, everything, job):
    """Neither the folder nor the database that a run would have made."""
    before = everything()
    exit_code, _ = document("run", "--json", "--start-from", job, "0")

    assert 3 == exit_code
    assert before == everything()
