"""Line numbers: a repeated one is found in any order, also among those that are kept in a file."""

import resource
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import OutputError
from pipeline_jobs.documents import line_numbers
from pipeline_jobs.documents.line_numbers import LineNumbers


@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=5)),
    st.integers(1, 4),
    st.sampled_from([8, 16, 1 << 14]),
)
def test_repeated_number_is_found_wherever_it_is(batches, held, read):
    numbers = [number for batch in batches for number in batch]

    with pytest.MonkeyPatch.context() as patch, LineNumbers() as lines:
        patch.setattr(line_numbers, "_MAX_HELD", held)
        patch.setattr(line_numbers, "_READ_BYTES", read)
        for batch in batches:
            lines.add(batch)
        found = lines.find_repeated()

    assert (found is None) == (len(numbers) == len(set(numbers)))
    assert found is None or numbers.count(found) > 1


def test_numbers_beyond_the_memory_for_them_are_kept_in_a_file(monkeypatch):
    monkeypatch.setattr(line_numbers, "_MAX_HELD", 100)

    with LineNumbers() as lines:
        for number in range(2000, 0, -1):
            lines.add([2 * number])
        assert 100 >= len(lines._firsts)
        assert lines.find_repeated() is None
        lines.add([1234])
        assert 1234 == lines.find_repeated()


def test_full_folder_for_temporary_files_is_named(monkeypatch):
    monkeypatch.setattr(line_numbers, "_MAX_HELD", 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with LineNumbers() as lines, pytest.raises(OutputError) as caught:
            lines.add([2 * number for number in range(2000, 0, -1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ("output.no_space", True) == (caught.value.code, tempfile.gettempdir() in str(caught.value))
