"""Deployments on a real Prefect server."""

from types import SimpleNamespace

import pytest

from pipeline_orchestration import CreatedDeployment, OrchestrationError, PipelineRunner, UsageError, deploy

DESCRIBED = """
from pipeline_jobs import JobA
from pipeline_orchestration import PipelineDefinition

pipeline = PipelineDefinition("orders", description="Load the orders.")
pipeline.add_job("A", lambda run: JobA(run.output_dir))
"""


@pytest.fixture
def api(prefect_server, monkeypatch):
    """Configure the API; return functions that read its deployments and work pools."""
    from prefect.client.orchestration import get_client

    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def read(method, name):
        with get_client(sync_client=True) as client:
            return getattr(client, method)(name)

    def has_pool(name):
        with get_client(sync_client=True) as client:
            return name in {pool.name for pool in client.read_work_pools()}

    return SimpleNamespace(
        deployment=lambda name: read("read_deployment_by_name", f"run_pipeline/{name}"),
        pool=lambda name: read("read_work_pool", name),
        has_pool=has_pool,
    )


def test_a_deployment_holds_all_that_a_worker_needs(api, prefect_server, folder, sample):
    makes_pool = not api.has_pool("pipeline")

    created = deploy(PipelineRunner(), "first", [sample], cron="0 2 * * *", timezone="Europe/Vienna")
    found = api.deployment("first")

    url = f"{prefect_server.removesuffix('/api')}/deployments/deployment/{found.id}"
    assert CreatedDeployment("run_pipeline/first", url, "pipeline", makes_pool) == created
    assert "pipeline_orchestration.run_pipeline" == found.entrypoint
    assert {"working_dir": str(folder)} == found.job_variables
    # Without a pull step, a worker would copy the folder.
    steps = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
    assert [steps] == found.pull_steps
    assert ["pipeline:text"] == found.tags
    assert found.description.startswith("The pipeline text: A, B, C.\n\nRun the jobs of a pipeline")
    assert "Args:" not in found.description
    assert [str(sample)] == found.parameters["inputs"]
    (schedule,) = found.schedules
    assert ("0 2 * * *", "Europe/Vienna") == (schedule.schedule.cron, schedule.schedule.timezone)


def test_the_description_of_a_pipeline_comes_first(api, folder):
    (folder / "described.py").write_text(DESCRIBED)

    deploy(PipelineRunner(pipeline="described.py:pipeline"), "described")

    found = api.deployment("described").description
    assert found.startswith("Load the orders.\n\nThe pipeline orders: A.\n\nRun the jobs of a pipeline")


def test_the_work_pool_is_created_once(api):
    first = deploy(PipelineRunner(), "pooled", work_pool_name="mine")
    second = deploy(PipelineRunner(), "pooled", work_pool_name="mine", interval=60)

    assert (True, False) == (first.made_pool, second.made_pool)
    assert "process" == api.pool("mine").type
    assert api.pool("mine").base_job_template["variables"]
    assert [60] == [each.schedule.interval.total_seconds() for each in api.deployment("pooled").schedules]


def test_the_default_work_pool_of_prefect_is_used(api):
    from prefect.settings import PREFECT_DEFAULT_WORK_POOL_NAME, temporary_settings

    with temporary_settings({PREFECT_DEFAULT_WORK_POOL_NAME: "theirs"}):
        assert "theirs" == deploy(PipelineRunner(), "defaulted").work_pool


def test_a_pool_of_another_type_gets_no_working_directory(api):
    """A container does not have the folders of this machine."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="containers", type="docker"))
    deploy(PipelineRunner(), "contained", work_pool_name="containers", job_variables={"image": "x"})
    found = api.deployment("contained")

    assert ({"image": "x"}, []) == (found.job_variables, found.pull_steps or [])


def test_job_variables_are_passed_on(api, folder):
    """For instance a reference to a block with a password."""
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
def test_an_invalid_schedule_is_refused(api, options, message):
    with pytest.raises(UsageError) as caught:
        deploy(PipelineRunner(), "never", **options)

    assert "usage.deployment" == caught.value.code
    assert message in str(caught.value)


def test_an_unreachable_api_is_an_error_without_its_password(api, monkeypatch):
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    url = "http://me:secret@127.0.0.1:9/api"
    with (
        temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 0}),
        pytest.raises(
            OrchestrationError, match=r"^Prefect gave up: .*check that its API can be reached$"
        ) as caught,
    ):
        deploy(PipelineRunner(), "unreachable")
    assert "orchestration.failed" == caught.value.code
    assert "secret" not in str(caught.value)
