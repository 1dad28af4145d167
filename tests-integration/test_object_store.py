"""Whole runs into and out of a real object store, through the command."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing

import object_store
import pytest

from pipeline_orchestration import PipelineRunner

pytest.importorskip("s3fs")
pytestmark = pytest.mark.skipif(not shutil.which("weed"), reason="the object store is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with object_store.object_store(tmp_path_factory.mktemp("store")) as environment:
        yield environment


@pytest.fixture
def bucket(server, folder, monkeypatch):
    """An empty bucket, and the client that fills it and looks into it."""
    import s3fs

    for name, value in server.items():
        monkeypatch.setenv(name, value)
    store = s3fs.S3FileSystem(skip_instance_cache=True)
    bucket = f"bucket-{time.monotonic_ns()}"
    store.mkdir(bucket)
    store.bucket = bucket
    return store


def finalized(path="data/pipeline.db"):
    query = "SELECT source, content FROM finalized_records"
    with closing(sqlite3.connect(path)) as database:
        return Counter(database.execute(query).fetchall())


def names(bucket, start="out/"):
    """What there is, as the store itself says it: the client would take a folder of this one for a file."""
    answer = bucket.call_s3("list_objects_v2", Bucket=bucket.bucket, Prefix=start)
    return [each["Key"] for each in answer.get("Contents", []) if not each["Key"].endswith("/")]


def documents(bucket):
    found = {name: bucket.cat_file(f"{bucket.bucket}/{name}") for name in names(bucket)}
    return {name: json.loads(content)["source"]["uri"] for name, content in found.items()}


def test_run_twice_is_there_once(bucket, pipeline):
    bucket.pipe_file(f"{bucket.bucket}/in/a b.txt", b"one\n\ntwo\n")
    words = ["--output-dir", f"s3://{bucket.bucket}/out", "run-all", f"s3://{bucket.bucket}/in/a b.txt"]

    first, second = pipeline(*words), pipeline(*words)

    uri = f"s3://{bucket.bucket}/in/a%20b.txt"
    assert [0, 0] == [first.returncode, second.returncode], first.stderr + second.stderr
    assert f"s3://{bucket.bucket}/out/a b_processed.json" in first.stdout
    assert "which held them already" in second.stdout
    assert {"out/a b_processed.json": uri} == documents(bucket)
    assert {(uri, "one"): 1, (uri, "two"): 1} == finalized()


def test_two_sources_of_one_name_never_meet(bucket, folder):
    """Written at once by processes of their own: the store lets one have the plain name."""
    sources = [f"{bucket.bucket}/{each}/x.txt" for each in "abcd"]
    for source in sources:
        bucket.pipe_file(source, source.encode())
    words = ["pipeline", "--output-dir", f"s3://{bucket.bucket}/out", "run-all"]

    runs = [subprocess.Popen([*words, f"s3://{source}"], stderr=subprocess.DEVNULL) for source in sources]

    assert [0] * 4 == [run.wait() for run in runs]
    assert sorted(f"s3://{source}" for source in sources) == sorted(documents(bucket).values())
    assert "out/x_processed.json" in documents(bucket)
    assert {(f"s3://{source}", source): 1 for source in sources} == finalized()


def test_killed_in_the_middle_of_an_upload_leaves_nothing_half_there(bucket, folder, pipeline):
    """A document of more than 32 MiB goes up in parts; they are put together at the end."""
    line = f"{99 * 'x'}\n".encode()
    (folder / "x.txt").write_bytes(500_000 * line)
    words = [
        "--log-level",
        "OFF",
        "--output-dir",
        f"s3://{bucket.bucket}/out",
        "run",
        "x.txt",
        "--stop-after",
        "A",
    ]

    run = subprocess.Popen(["pipeline", *words])
    while run.poll() is None and not bucket.call_s3("list_multipart_uploads", Bucket=bucket.bucket).get(
        "Uploads"
    ):
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)

    assert -signal.SIGKILL == run.wait()
    assert [] == names(bucket)

    again = pipeline(*words)

    assert 0 == again.returncode, again.stderr
    (document,) = names(bucket)
    assert b'"record_count":500000' in bucket.tail(f"{bucket.bucket}/{document}", 256)


def test_object_that_is_replaced_while_it_is_read_is_refused(bucket, folder):
    source = f"{bucket.bucket}/x.txt"
    bucket.pipe_file(source, 3_000_000 * b"one line\n")
    runner = PipelineRunner(output_dir=f"s3://{bucket.bucket}/out", engine="local", log_level="OFF")
    told = []

    def replace(*_):
        told or bucket.pipe_file(source, 3_000_000 * b"two line\n")
        told.append(1)

    (result,) = runner.run_many([f"s3://{source}"], progress=replace)

    assert "input.changed" == result.code
    assert [] == names(bucket)


@pytest.mark.parametrize("value", ["a URL", ["in", "memory"]])
def test_both_engines_reach_what_is_in_the_store(bucket, engine, value):
    """Data handed over in memory is kept there while the run lasts, where workers would reach it."""
    bucket.pipe_file(f"{bucket.bucket}/in/x.txt", b"in\nmemory\n")
    runner = PipelineRunner(output_dir=f"s3://{bucket.bucket}/out", engine=engine, log_level="OFF")

    if value == "a URL":
        result = runner.run(f"s3://{bucket.bucket}/in/x.txt")
    else:
        result = runner.run(value, start_from="B")

    assert result.success, result.error
    assert ["in", "memory"] == sorted(content for _, content in finalized())
    assert (["out/x_processed.json"] if value == "a URL" else []) == names(bucket)


def test_wrong_key_is_denied_and_said_nowhere(bucket, pipeline, monkeypatch):
    bucket.pipe_file(f"{bucket.bucket}/x.txt", b"one\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")

    refused = pipeline("run", f"s3://{bucket.bucket}/x.txt", "--json")
    examined = pipeline("--output-dir", f"s3://{bucket.bucket}/out", "doctor")

    error = json.loads(refused.stdout)["runs"][0]["error"]
    assert (3, "input.unreadable", False) == (refused.returncode, error["code"], error["retriable"])
    assert "where the store's own tools look" in error["message"]
    assert (5, True) == (examined.returncode, "[output.denied]" in examined.stdout)
    assert "not-the-secret" not in refused.stdout + refused.stderr + examined.stdout + examined.stderr


def test_bucket_that_is_not_there_is_said(bucket, folder, pipeline):
    (folder / "x.txt").write_text("one\n")

    missing = pipeline("run", "s3://no-such-bucket/x.txt", "--json")
    unwritable = pipeline("--output-dir", "s3://no-such-bucket/out", "run", "x.txt", "--json")
    examined = pipeline("--output-dir", "s3://no-such-bucket/out", "doctor")

    assert "input.missing" == json.loads(missing.stdout)["runs"][0]["error"]["code"]
    assert "output.missing" == json.loads(unwritable.stdout)["runs"][0]["error"]["code"]
    assert "make it first [output.missing]" in examined.stdout


def test_store_that_is_away_is_tried_again(bucket, pipeline, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    away = pipeline("run", f"s3://{bucket.bucket}/x.json", "--start-from", "B", "--json")

    (run,) = json.loads(away.stdout)["runs"]
    assert ("input.unreachable", True) == (run["error"]["code"], run["error"]["retriable"])
    assert f"pipeline run --start-from B s3://{bucket.bucket}/x.json" == run["continue_with"]
    assert 3 == away.stderr.count("is tried again")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in away.stdout + away.stderr


def test_pattern_and_folder_stand_for_their_objects(bucket):
    from pipeline_jobs import remote_matches

    for name in ("in/a b.txt", "in/b.txt", "in/more/c.txt", "in/.hidden"):
        bucket.pipe_file(f"{bucket.bucket}/{name}", b"")
    start = f"s3://{bucket.bucket}/in"

    assert (
        [f"{start}/a b.txt", f"{start}/b.txt"]
        == remote_matches(f"{start}/*.txt")
        == remote_matches(f"{start}/")
    )
    assert [f"{start}/more/c.txt"] == remote_matches(f"{start}/more/*")
