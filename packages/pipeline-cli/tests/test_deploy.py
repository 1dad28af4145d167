"""`pipeline deploy` and `pipeline serve` without a Prefect server; tests-integration has one."""

import pytest

NO_API = (
    "Error: no Prefect API is configured; start a server by `prefect server start` and set "
    "PREFECT_API_URL=http://127.0.0.1:4200/api [orchestration.no_api]\n"
)


@pytest.mark.parametrize("command", ["deploy", "serve"])
def test_a_deployment_needs_an_api(pipeline, folder, command):
    done = pipeline(command, "nightly", "sample.txt", "--cron", "0 2 * * *")

    assert (8, "", NO_API) == (done.code, done.out, done.err)
    assert ["sample.txt"] == [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nightly", "--cron", "@daily", "--interval", "5"], "usage.deployment", "cron and interval exclude"),
        (["a/b"], "usage.deployment", "invalid name of a deployment 'a/b'"),
        (["nightly", "--stop-after", "Z"], "usage.unknown_job", "pipeline 'text' has no job 'Z'"),
        (["nightly", "--encoding", "klingon"], "usage.setting", "unknown text encoding 'klingon'"),
        (["nightly", "--interval", "often"], "usage.option", "'often' is not a valid float"),
        ([], "usage.option", "Missing argument 'NAME'"),
    ],
)
@pytest.mark.parametrize("command", ["deploy", "serve"])
def test_misuse_is_refused_before_the_api_is_called(pipeline, command, words, code, message):
    done = pipeline(command, *words)

    assert (2, "") == (done.code, done.out)
    assert message in done.err
    assert done.err.endswith(f" [{code}]\n")


def test_a_job_variable_needs_a_name_and_a_value(pipeline):
    done = pipeline("deploy", "nightly", "--job-variable", "env")

    assert 2 == done.code
    assert "Invalid value for '--job-variable': 'env' is not NAME=VALUE. [usage.option]" in done.err
