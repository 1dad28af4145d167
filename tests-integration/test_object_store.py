"""Runs of the command that read from and write to a real object store."""

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
pytestmark = [
    pytest.mark.skipif(not shutil.which("weed"), reason="the object store is not installed"),
    # All share one object store.
    pytest.mark.xdist_group("object_store"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with object_store.object_store(tmp_path_factory.mktemp("store")) as environment:
        yield environment


@pytest.fixture
def bucket(server, folder, monkeypatch):
    """A client of the object store, with the name of an empty bucket."""
    import s3fs

    for name, value in server.items():
        monkeypatch.setenv(name, value)
    store = s3fs.S3FileSystem(skip_instance_cache=True)
    bucket = f"bucket-{time.monotonic_ns()}"
    store.mkdir(bucket)
    store.bucket = bucket
    return store


def read_finalized(path="data/pipeline.db"):
    query = "SELECT source, content FROM finalized_records"
    with closing(sqlite3.connect(path)) as database:
        return Counter(database.execute(query).fetchall())


def list_names(bucket, start="out/"):
    """List the objects by the API of the store: the client takes folders of SeaweedFS for files."""
    answer = bucket.call_s3("list_objects_v2", Bucket=bucket.bucket, Prefix=start)
    return [each["Key"] for each in answer.get("Contents", []) if not each["Key"].endswith("/")]


def read_sources(bucket):
    """Return the source of each document."""
    found = {name: bucket.cat_file(f"{bucket.bucket}/{name}") for name in list_names(bucket)}
    return {name: json.loads(content)["source"]["uri"] for name, content in found.items()}


def test_a_file_run_twice_is_loaded_once(bucket, pipeline):
    bucket.pipe_file(f"{bucket.bucket}/in/a b.txt", b"one\n\ntwo\n")
    words = ["--output-dir", f"s3://{bucket.bucket}/out", "run-all", f"s3://{bucket.bucket}/in/a b.txt"]

    first, second = pipeline(*words), pipeline(*words)

    uri = f"s3://{bucket.bucket}/in/a%20b.txt"
    assert [0, 0] == [first.returncode, second.returncode], first.stderr + second.stderr
    assert f"s3://{bucket.bucket}/out/a b_processed.json" in first.stdout
    assert "(was there already)" in second.stdout
    assert {"out/a b_processed.json": uri} == read_sources(bucket)
    assert {(uri, "one"): 1, (uri, "two"): 1} == read_finalized()


def test_sources_of_one_name_have_a_document_each(bucket, folder):
    """Four processes write at once: the store gives the plain name to one of them."""
    sources = [f"{bucket.bucket}/{each}/x.txt" for each in "abcd"]
    for source in sources:
        bucket.pipe_file(source, source.encode())
    words = ["pipeline", "--output-dir", f"s3://{bucket.bucket}/out", "run-all"]

    runs = [subprocess.Popen([*words, f"s3://{source}"], stderr=subprocess.DEVNULL) for source in sources]

    assert [0] * 4 == [run.wait() for run in runs]
    assert sorted(f"s3://{source}" for source in sources) == sorted(read_sources(bucket).values())
    assert "out/x_processed.json" in read_sources(bucket)
    assert {(f"s3://{source}", source): 1 for source in sources} == read_finalized()


def test_a_run_killed_during_an_upload_leaves_no_partial_document(bucket, folder, pipeline):
    """A document of more than 32 MiB is uploaded in parts, which the store joins at the end."""
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
    assert [] == list_names(bucket)

    again = pipeline(*words)

    assert 0 == again.returncode, again.stderr
    (document,) = list_names(bucket)
    assert b'"record_count":500000' in bucket.tail(f"{bucket.bucket}/{document}", 256)


def test_an_object_replaced_while_it_is_read_is_refused(bucket, folder):
    source = f"{bucket.bucket}/x.txt"
    bucket.pipe_file(source, 3_000_000 * b"one line\n")
    runner = PipelineRunner(output_dir=f"s3://{bucket.bucket}/out", engine="local", log_level="OFF")
    replaced = []

    def replace(_job, _name, done, *_):
        if done and not replaced:  # not when the job begins
            replaced.append(True)
            bucket.pipe_file(source, 3_000_000 * b"two line\n")

    (result,) = runner.run_many([f"s3://{source}"], progress=replace)

    assert "input.changed" == result.code
    assert [] == list_names(bucket)


@pytest.mark.parametrize("value", ["a URL", ["in", "memory"]])
def test_both_engines_use_the_store(bucket, engine, value):
    """Data in memory is kept in the store during the run, where workers can read it."""
    bucket.pipe_file(f"{bucket.bucket}/in/x.txt", b"in\nmemory\n")
    runner = PipelineRunner(output_dir=f"s3://{bucket.bucket}/out", engine=engine, log_level="OFF")

    if value == "a URL":
        result = runner.run(f"s3://{bucket.bucket}/in/x.txt")
    else:
        result = runner.run(value, start_from="B")

    assert result.success, result.error
    assert ["in", "memory"] == sorted(content for _, content in read_finalized())
    assert (["out/x_processed.json"] if value == "a URL" else []) == list_names(bucket)


def test_a_wrong_key_is_refused_and_not_shown(bucket, pipeline, monkeypatch):
    bucket.pipe_file(f"{bucket.bucket}/x.txt", b"one\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")

    refused = pipeline("run", f"s3://{bucket.bucket}/x.txt", "--json")
    examined = pipeline("--output-dir", f"s3://{bucket.bucket}/out", "doctor")

    error = json.loads(refused.stdout)["runs"][0]["error"]
    assert (3, "input.unreadable", False) == (refused.returncode, error["code"], error["retriable"])
    assert "check the credentials" in error["message"]
    assert (5, True) == (examined.returncode, "[output.denied]" in examined.stdout)
    assert "not-the-secret" not in refused.stdout + refused.stderr + examined.stdout + examined.stderr


def test_a_missing_bucket_is_reported(bucket, folder, pipeline):
    (folder / "x.txt").write_text("one\n")

    missing = pipeline("run", "s3://no-such-bucket/x.txt", "--json")
    unwritable = pipeline("--output-dir", "s3://no-such-bucket/out", "run", "x.txt", "--json")
    examined = pipeline("--output-dir", "s3://no-such-bucket/out", "doctor")

    assert "input.missing" == json.loads(missing.stdout)["runs"][0]["error"]["code"]
    assert "output.missing" == json.loads(unwritable.stdout)["runs"][0]["error"]["code"]
    assert "make it first [output.missing]" in examined.stdout


def test_a_store_out_of_reach_is_tried_again(bucket, pipeline, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    done = pipeline("run", f"s3://{bucket.bucket}/x.json", "--start-from", "B", "--json")

    (run,) = json.loads(done.stdout)["runs"]
    assert ("input.unreachable", True) == (run["error"]["code"], run["error"]["retriable"])
    assert f"pipeline run --start-from B s3://{bucket.bucket}/x.json" == run["continue_with"]
    assert 3 == done.stderr.count("failed, retrying in")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in done.stdout + done.stderr


def test_a_pattern_and_a_folder_match_their_objects(bucket):
    from pipeline_jobs.storage.listing import list_matches

    for name in ("in/a b.txt", "in/b.txt", "in/more/c.txt", "in/.hidden"):
        bucket.pipe_file(f"{bucket.bucket}/{name}", b"")
    start = f"s3://{bucket.bucket}/in"

    assert (
        [f"{start}/a b.txt", f"{start}/b.txt"] == list_matches(f"{start}/*.txt") == list_matches(f"{start}/")
    )
    assert [f"{start}/more/c.txt"] == list_matches(f"{start}/more/*")
