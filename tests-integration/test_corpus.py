"""The inputs that fuzzing has found worth keeping hold no fault."""

import pytest
from fuzz.running import files, replay
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_kept_input_of_a_target_goes_well(tmp_path, name):
    kept = [file for file in files() if file.parent.name == name]

    assert len(kept) > 5
    for file in kept:
        replay(file, tmp_path)
        assert [] == list(tmp_path.iterdir())


def test_there_is_a_target_for_every_kept_input():
    assert set(TARGETS) == {file.parent.name for file in files()}


def test_a_broken_promise_is_seen(monkeypatch):
    """Else nothing would be found, whatever is kept."""
    monkeypatch.setattr("fuzz.targets.lines_of", lambda _text: ([], 0))

    with pytest.raises(Exception, match="utf-8"):
        TARGETS["splitter"](b"\0\0a")
