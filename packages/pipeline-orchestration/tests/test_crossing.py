"""Inputs as small, JSON-safe text, and back."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs import InputError, OutputError
from pipeline_orchestration.crossing import crossed, restored, uri

DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"/" not in name)


@given(value=DATA | st.text(min_size=4000, max_size=5000) | st.from_regex(r"json:.*"))
def test_data_comes_back_as_it_went(tmp_path_factory, value):
    """Whatever it is: text that looks like ours, numbers of any size, characters that no JSON text holds."""
    with crossed(value, tmp_path_factory.getbasetemp() / "spool") as text:
        back = restored(text)

        assert (value, type(value)) == (back, type(back))
        assert text.isascii() or (value == text and text.isprintable())
        assert len(text) <= 4096 + len("json:")


@given(name=NAMES.map(os.fsdecode))
def test_any_file_name_comes_back(name):
    with crossed(Path("/data", name), Path("unused")) as text:
        assert text.isascii()
        assert text.isprintable()
        assert Path("/data", name) == restored(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("missing.txt", "missing.txt"),
        ("there.txt", "file://{folder}/there.txt"),
        (Path("missing.txt"), "file://{folder}/missing.txt"),
        (Path("a%b?c#d {e}"), "file://{folder}/a%25b%3Fc%23d%20%7Be%7D"),
        ("file:///data/x.txt", "file:///data/x.txt"),
        ("dangling", "file://{folder}/dangling"),
        ("7", "7"),
        ("٣", "٣"),
        (7, "json:7"),
        (True, "json:true"),
        (None, "json:null"),
        (1.5, "json:1.5"),
        ("", ""),
        ("json:7", 'json:"json:7"'),
        ("a\nb", 'json:"a\\nb"'),
        ("\ud800", 'json:"\\ud800"'),
        (Path("\ud800"), 'json:"\\ud800"'),
    ],
)
def test_small_things_cross_in_plain_sight(folder, value, text):
    (folder / "there.txt").touch()
    (folder / "7").touch()
    (folder / "dangling").symlink_to("nowhere")

    with crossed(value, folder / "spool") as crossing:
        assert text.format(folder=folder) == crossing if "{folder}" in text else text == crossing
    assert not (folder / "spool").exists()


def test_a_path_of_bytes_is_a_path(folder):
    (folder / "x.txt").touch()
    with os.scandir(os.fsencode(folder)) as entries:
        (entry,) = entries

    with crossed(entry, folder) as text:
        assert folder / "x.txt" == restored(text)


@pytest.mark.parametrize("value", [["secret"], {"records": ["secret"]}, ("secret",), "secret" * 1000])
def test_data_is_kept_in_a_file_while_the_run_lasts(folder, value):
    """However small: records are nobody's business but the job's."""
    with crossed(value, folder / "a/b") as text:
        assert [f"json:{uri(path)}" for path in (folder / "a/b").iterdir()] == [text]
        assert json.loads(json.dumps(value)) == restored(text)
    assert [] == list(folder.iterdir())


def test_a_folder_that_is_used_stays(folder):
    with crossed(["secret"], folder / "a/b"):
        (folder / "a/output.json").touch()

    assert ["output.json"] == [path.name for path in (folder / "a").iterdir()]


def test_nothing_stays_after_an_interrupt(folder):
    with pytest.raises(KeyboardInterrupt), crossed(["secret"], folder / "a/b"):
        raise KeyboardInterrupt

    assert [] == list(folder.iterdir())


class Numbered(os.PathLike):
    """Breaks the promise of a path, which is to be text."""

    def __fspath__(self):
        return 7


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Numbered(), "a value of type Numbered has no JSON form: expected Numbered.__fspath__() to return"),
        ({"a"}, "a value of type set has no JSON form: Object of type set is not JSON serializable"),
        ([object], "a value of type list has no JSON form: Object of type type is not JSON serializable"),
        (b"x", "a value of type bytes has no JSON form: Object of type bytes is not JSON serializable"),
        (
            {(1, 2): 3},
            "a value of type dict has no JSON form: keys must be str, int, float, bool or None, not tuple",
        ),
        (10**5000, "a value of type int has no JSON form: Exceeds the limit (4300 digits)"),
    ],
    ids=["path", "set", "class", "bytes", "key", "digits"],
)
def test_what_has_no_json_form_is_refused(folder, value, reason):
    with pytest.raises(InputError) as caught, crossed(value, folder / "spool"):
        pass

    assert "input.type" == caught.value.code
    assert str(caught.value).startswith(reason)
    assert [] == list(folder.iterdir())


def test_depth_beyond_reason_is_refused(folder):
    deep = []
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(InputError, match=r"^a value of type list has no JSON form: maximum recursion depth"):
        crossed(deep, folder).__enter__()


@pytest.mark.parametrize("name", ["a/b", "a" * 300 + "/b"])
def test_a_file_that_cannot_be_written_is_an_output_error(folder, name):
    (folder / "a").touch()

    with pytest.raises(OutputError), crossed(["secret"], folder / name):
        pass

    assert ["a"] == [path.name for path in folder.iterdir()]
