"""The JSON document, whole: each key of it stands in the reference, and programs rely on them."""

import sqlite3
from contextlib import closing


def test_the_document_of_a_success(pipeline, folder):
    done = pipeline("run-all", "sample.txt", "--json")

    document = done.document
    run_id = document["runs"][0]["run_id"]
    assert all(job.pop("seconds") > 0 for job in document["runs"][0]["jobs"])
    path = f"{folder}/data/output/sample_processed.json"
    a = {"output": path, "counts": {"lines": 3, "records": 3, "blank": 0}}
    c = {"output": 1, "counts": {"records": 3}}
    assert {
        "success": True,
        "engine": "local",
        "engine_reason": "no Prefect API is configured",
        "error": None,
        "runs": [
            {
                "input": "sample.txt",
                "success": True,
                "output": 1,
                "batch_id": 1,
                "duplicate": False,
                "run_id": run_id,
                "url": None,
                "jobs": [
                    {"job": "A", "success": True, **a},
                    {"job": "B", "success": True, **c},
                    {"job": "C", "success": True, **c},
                ],
                "error": None,
                "continue_with": None,
            }
        ],
    } == document
    assert 0 == done.code
    with closing(sqlite3.connect("data/pipeline.db")) as database:
        assert [(run_id,)] == database.execute("SELECT run_id FROM processing_batches").fetchall()


def test_the_document_of_a_failure(pipeline, folder):
    """The error of an input stands with that input; a job that failed is among the jobs."""
    done = pipeline("run-all", "no such\nfile", "sample.txt", "--json")

    first, second = done.document["runs"]
    assert first["jobs"][0].pop("seconds") >= 0
    assert {
        "input": "no such\\nfile",
        "success": False,
        "output": None,
        "batch_id": None,
        "duplicate": False,
        "run_id": second["run_id"],
        "url": None,
        "jobs": [{"job": "A", "success": False, "output": None, "counts": {}}],
        "error": {
            "job": "A",
            "code": "input.missing",
            "message": f"{folder}/no such\\nfile: no such file",
            "retriable": False,
        },
        "continue_with": None,
    } == first
    assert (True, None) == (second["success"], second["error"])
    assert (3, False, None) == (done.code, done.document["success"], done.document["error"])
    assert "Error:" not in done.err


def test_the_document_of_what_was_not_run(pipeline, folder):
    """After a failure of what all inputs share there is no job to name."""
    (folder / "data").touch()

    done = pipeline("--db-path", "x.db", "run-all", "sample.txt", "other.txt", "--json")

    failed, skipped = done.document["runs"]
    assert (5, "output.not_a_folder") == (done.code, failed["error"]["code"])
    assert {
        "job": None,
        "code": "orchestration.not_run",
        "message": f"not run after {folder}/sample.txt failed: output.not_a_folder",
        "retriable": False,
    } == skipped["error"]
    assert ([], None) == (skipped["jobs"], skipped["continue_with"])
