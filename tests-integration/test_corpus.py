"""The corpus of the fuzzing: inputs worth trying again."""

import pytest
from fuzz.fuzz_sweep import list_corpus, replay_input
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_passes(tmp_path, name):
    inputs = [file for file in list_corpus() if file.parent.name == name]

    assert len(inputs) > 5
    for file in inputs:
        replay_input(file, tmp_path)
        assert [] == list(tmp_path.iterdir())


def test_every_folder_of_the_corpus_has_a_target():
    assert set(TARGETS) == {file.parent.name for file in list_corpus()}


def test_a_fault_is_noticed(monkeypatch):
    """If not, the corpus would prove nothing."""
    monkeypatch.setattr("fuzz.targets.split_lines", lambda _text: ([], 0))

    with pytest.raises(Exception, match="utf-8"):
        TARGETS["splitter"](b"\0\0a")
