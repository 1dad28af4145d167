"""The ways to run several inputs: settings by name."""

WAYS = {
    "local": {"engine": "local"},
    "local-processes": {"engine": "local", "concurrency": 2},
    "prefect": {"engine": "prefect"},
    "prefect-threads": {"engine": "prefect", "task_runner": "threads", "concurrency": 2},
    "prefect-processes": {"engine": "prefect", "task_runner": "processes", "concurrency": 2},
    "prefect-dask": {"engine": "prefect", "task_runner": "dask", "concurrency": 2},
    "prefect-ray": {"engine": "prefect", "task_runner": "ray", "concurrency": 2},
}

# Begins the module of a definition whose jobs take anything.
JOB = """
from pipeline_jobs import BaseJob, InputError, PipelineError
from pipeline_orchestration import PipelineDefinition

class Job(BaseJob[object, object]):
    def validate_input(self, value):
        return value

class Next(Job):
    def single_job(self, value):
        with open("next", "a") as file:
            print(value, file=file)
        return value
"""
