"""Errors of orchestration."""

import pickle

import pytest

from pipeline_jobs import PipelineError
from pipeline_orchestration import OrchestrationError, UsageError


@pytest.mark.parametrize("kind", [OrchestrationError, UsageError])
def test_every_error_is_a_pipeline_error_and_survives_pickling(kind):
    error = kind("orchestration.failed", "it gave up", retriable=True)
    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(copy, PipelineError)
    assert kind is type(copy)
    assert ("orchestration.failed", "it gave up", True) == (copy.code, str(copy), copy.retriable)


def test_a_usage_error_is_a_value_error():
    """A caller can catch it without importing our errors."""
    with pytest.raises(ValueError, match=r"^no such job$"):
        raise UsageError("usage.unknown_job", "no such job")
