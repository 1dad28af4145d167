"""The commands for a Prefect server, where there is none; with one, tests-integration runs them."""

import pytest

NO_API = (
    "Error: no Prefect API is configured; start a server by `prefect server start` and set "
    "PREFECT_API_URL=http://127.0.0.1:4200/api [orchestration.no_api]\n"
)


@pytest.mark.parametrize("command", ["deploy", "serve"])
def test_without_an_api_nothing_is_done(pipeline, folder, command):
    done = pipeline(command, "nightly", "sample.txt", "--cron", "0 2 * * *")

    assert (8, "", NO_API) == (done.code, done.out, done.err)
    assert ["sample.txt"] == [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["nightly", "--cron", "@daily", "--interval", "5"], "usage.deployment", "cron and interval are two"),
        (["a/b"], "usage.deployment", "'a/b' is no name for a deployment"),
        (["nightly", "--stop-after", "Z"], "usage.unknown_job", "pipeline 'text' has no job 'Z'"),
        (["nightly", "--encoding", "klingon"], "usage.setting", "unknown text encoding 'klingon'"),
        (["nightly", "--interval", "often"], "usage.option", "'often' is not a valid float"),
        ([], "usage.option", "Missing argument 'NAME'"),
    ],
)
@pytest.mark.parametrize("command", ["deploy", "serve"])
def test_misuse_is_refused_before_anybody_is_asked(pipeline, command, words, code, message):
    done = pipeline(command, *words)

    assert (2, "") == (done.code, done.out)
    assert message in done.err
    assert done.err.endswith(f" [{code}]\n")


def test_a_job_variable_has_a_name_and_a_value(pipeline):
    done = pipeline("deploy", "nightly", "--job-variable", "env")

    assert 2 == done.code
    assert "Invalid value for '--job-variable': 'env' is not NAME=VALUE. [usage.option]" in done.err
