"""Deployments on a real Prefect server."""

from types import SimpleNamespace

import pytest

from pipeline_orchestration import Deployed, OrchestrationError, PipelineRunner, UsageError, deploy


@pytest.fixture
def api(prefect_server, monkeypatch):
    """The configured API, and what it knows of a deployment or a work pool."""
    from prefect.client.orchestration import get_client

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def ask(what, name):
        with get_client(sync_client=True) as client:
            return getattr(client, what)(name)

    return SimpleNamespace(
        deployment=lambda name: ask("read_deployment_by_name", f"run_pipeline/{name}"),
        pool=lambda name: ask("read_work_pool", name),
    )


def test_a_deployment_says_all_that_a_worker_needs(api, folder, sample):
    made = deploy(PipelineRunner(), "first", [sample], cron="0 2 * * *", timezone="Europe/Vienna")
    found = api.deployment("first")

    assert made == Deployed("run_pipeline/first", made.url, "pipeline", made.made_pool)
    assert made.url.endswith(f"/deployments/deployment/{found.id}")
    assert "pipeline_orchestration.run_pipeline" == found.entrypoint
    assert {"working_dir": str(folder)} == found.job_variables
    # Without one, a worker copies the folder.
    steps = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
    assert [steps] == found.pull_steps
    assert ["pipeline:text"] == found.tags
    assert found.description.startswith("The pipeline text: A, B, C.\n\nRun the jobs of a pipeline")
    assert "Args:" not in found.description
    assert [str(sample)] == found.parameters["inputs"]
    (schedule,) = found.schedules
    assert ("0 2 * * *", "Europe/Vienna") == (schedule.schedule.cron, schedule.schedule.timezone)


def test_the_work_pool_is_made_once(api):
    first = deploy(PipelineRunner(), "pooled", work_pool_name="mine")
    second = deploy(PipelineRunner(), "pooled", work_pool_name="mine", interval=60)

    assert (True, False) == (first.made_pool, second.made_pool)
    assert "process" == api.pool("mine").type
    assert api.pool("mine").base_job_template["variables"]
    assert [60] == [each.schedule.interval.total_seconds() for each in api.deployment("pooled").schedules]


def test_the_default_work_pool_of_prefect_is_taken(api):
    from prefect.settings import PREFECT_DEFAULT_WORK_POOL_NAME, temporary_settings

    with temporary_settings({PREFECT_DEFAULT_WORK_POOL_NAME: "theirs"}):
        assert "theirs" == deploy(PipelineRunner(), "defaulted").work_pool


def test_a_pool_of_another_type_is_left_to_its_image(api):
    """No folder of this machine is in it."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="containers", type="docker"))
    deploy(PipelineRunner(), "contained", work_pool_name="containers", job_variables={"image": "x"})
    found = api.deployment("contained")

    assert ({"image": "x"}, []) == (found.job_variables, found.pull_steps or [])


def test_job_variables_are_handed_on(api, folder):
    """Such as a password, by the name of the block it is in."""
    variables = {"env": {"PGPASSWORD": "{{ prefect.blocks.secret.pg }}"}}
    deploy(PipelineRunner(), "secret", job_variables=variables)

    assert variables | {"working_dir": str(folder)} == api.deployment("secret").job_variables


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cron": "often"}, 'Invalid cron string: "often"'),
        ({"interval": 60, "timezone": "Mars/Base"}, 'Invalid timezone: "Mars/Base"'),
    ],
)
def test_a_schedule_that_is_none_is_refused(api, options, message):
    with pytest.raises(UsageError) as caught:
        deploy(PipelineRunner(), "never", **options)

    assert "usage.deployment" == caught.value.code
    assert message in str(caught.value)


def test_an_api_that_is_away_is_an_error_in_plain_words(api, monkeypatch):
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    away = "http://me:secret@127.0.0.1:9/api"
    with (
        temporary_settings({PREFECT_API_URL: away, PREFECT_CLIENT_MAX_RETRIES: 0}),
        pytest.raises(
            OrchestrationError, match=r"^Prefect gave up: .*see that its API can be reached$"
        ) as caught,
    ):
        deploy(PipelineRunner(), "away")
    assert "orchestration.failed" == caught.value.code
    assert "secret" not in str(caught.value)
