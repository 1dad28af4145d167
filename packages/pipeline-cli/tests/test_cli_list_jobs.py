"""`pipeline list-jobs`."""


def test_the_built_in_jobs_are_listed(pipeline):
    done = pipeline("list-jobs")

    assert (0, "Available jobs:\n  1. A\n  2. B\n  3. C\n", "") == (done.code, done.out, done.err)


def test_the_jobs_of_another_pipeline_are_listed(pipeline, folder):
    (folder / "own.py").write_text(
        "from pipeline_orchestration import PipelineDefinition\n"
        "jobs = PipelineDefinition('own').add_job('größe', lambda run: None)\n",
        encoding="utf-8",
    )

    for address in ("own.py:jobs", "own:jobs", folder / "own.py:jobs"):
        done = pipeline("--pipeline", address, "list-jobs")

        assert (0, "Available jobs:\n  1. größe\n", "") == (done.code, done.out, done.err)
