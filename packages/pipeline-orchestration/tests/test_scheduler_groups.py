"""Groups of inputs."""

from pathlib import Path

from pipeline_orchestration.execution.scheduler import group_inputs
from pipeline_orchestration.inputs import RunInput


def test_a_group_is_limited_by_count_and_by_size(folder):
    for number, size in enumerate([10, 10, 50, 200, 1]):
        Path(str(number)).write_bytes(b"x" * size)
    inputs = [RunInput.parse(Path(str(number))) for number in range(5)]

    assert [[0, 1], [2], [3], [4]] == list(group_inputs(inputs, 2, 100))
    assert [[0, 1, 2], [3], [4]] == list(group_inputs(inputs, 9, 100))
    assert [[0, 1, 2, 3, 4]] == list(group_inputs([RunInput.parse("7")] * 5, 9, 100))
    assert [[0], [1], [2], [3], [4]] == list(group_inputs([RunInput.parse("7")] * 5, 9, 100, workers=1))
