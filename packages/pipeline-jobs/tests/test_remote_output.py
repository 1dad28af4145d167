import logging
import tempfile
from pathlib import Path

import pytest

from pipeline_jobs import JobA, OutputError, Url, examine_folder, location, remotely_kept
from pipeline_jobs.reading import source_in
from pipeline_jobs.remote_output import remote_draft


def names(system):
    return sorted(system.store)


def test_document_appears_whole_or_not_at_all(bucket, tmp_path):
    (tmp_path / "x.txt").write_bytes(b"one\n\xff")

    refused = JobA("memory://out").execute(tmp_path / "x.txt")
    (tmp_path / "x.txt").write_bytes(b"one\n")
    written = JobA("memory://out").execute(tmp_path / "x.txt")

    assert "input.undecodable" == refused.code
    assert Url("memory://out/x_processed.json") == written.output
    assert ["/out/x_processed.json"] == names(bucket)


def test_two_sources_of_one_name_have_documents_of_their_own(bucket):
    bucket.pipe_file("/a/x.txt", b"one\n")
    bucket.pipe_file("/b/x.txt", b"two\n")
    bucket.pipe_file("/out/y_processed.json", b"somebody's")

    bucket.pipe_file("/a/y.txt", b"mine\n")
    first, second, again, third = (
        JobA("memory://out").execute(f"memory://{name}").unwrap()
        for name in ("a/x.txt", "b/x.txt", "a/x.txt", "a/y.txt")
    )

    assert first == again == Url("memory://out/x_processed.json")
    assert "memory://b/x.txt" == source_in(second).uri
    assert str(second).startswith("memory://out/x_")
    assert str(third).startswith("memory://out/y_")
    assert b"somebody's" == bucket.cat_file("/out/y_processed.json")


def test_name_that_nobody_may_have_is_refused(bucket):
    taken = [location("memory://out/x")]
    with remote_draft(taken[0]) as draft:
        bucket.pipe_file("/out/x", b"")
        with pytest.raises(OutputError) as caught:
            draft.publish(taken, lambda _: False)

    assert "output.taken" == caught.value.code
    assert "memory://out/x: the file there is of another source; move it away" == str(caught.value)


@pytest.mark.parametrize(
    ("error", "code", "retriable"),
    [
        (FileNotFoundError("no bucket"), "output.missing", False),
        (PermissionError("Access Denied"), "output.denied", False),
        (OSError(28, "No space left"), "output.no_space", False),
        (ConnectionResetError(104, "reset"), "output.unreachable", True),
        (ValueError("something else"), "output.failed", False),
    ],
)
@pytest.mark.parametrize("when", ["write", "move"])
def test_trouble_of_a_store_has_the_code_of_a_folder(
    bucket, troubled, tmp_path, error, code, retriable, when
):
    (tmp_path / "x.txt").write_text("one\n")
    troubled[when] = error

    result = JobA("troubled://out").execute(tmp_path / "x.txt")

    assert (code, retriable) == (result.code, result.retriable)
    assert result.error.startswith("troubled://out/x_processed.json: cannot be written: ")
    assert [] == names(bucket)


def test_whose_document_it_is_must_be_known_before_it_is_replaced(bucket, troubled, tmp_path):
    """A store that is away for a moment is tried again; it gives nobody another name."""
    (tmp_path / "x.txt").write_text("one\n")
    JobA("troubled://out").execute(tmp_path / "x.txt").unwrap()
    troubled["read"] = ConnectionResetError(104, "reset")

    result = JobA("troubled://out").execute(tmp_path / "x.txt")

    assert ("input.unreachable", True) == (result.code, result.retriable)
    assert ["/out/x_processed.json"] == names(bucket)


def test_nothing_is_written_to_the_web(tmp_path):
    (tmp_path / "x.txt").write_text("one\n")

    result = JobA("https://example.org/out").execute(tmp_path / "x.txt")

    assert "output.read_only" == result.code


def test_folder_of_temporary_files_that_is_full_is_named(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    full = rf"^{tmp_path}: cannot be written: No space left on device$"
    with pytest.raises(OutputError, match=full), remote_draft(location("memory://x")):
        raise OSError(28, "No space left on device")


def test_data_is_kept_in_a_store_while_it_is_needed(bucket, troubled, caplog):
    with remotely_kept(location("troubled://out"), b"[1]") as url:
        assert b"[1]" == bucket.cat_file(url.text.removeprefix("troubled://"))
    assert [] == names(bucket)

    with caplog.at_level(logging.WARNING), remotely_kept(location("troubled://out"), b"[1]") as url:
        bucket.store.clear()

    assert "what was kept there is left" in caplog.text


def test_folder_in_a_store_is_examined_without_writing(bucket, troubled):
    (none_yet,) = examine_folder("memory://out")
    bucket.pipe_file("/out/x", b"")
    (there,) = examine_folder("memory://out")
    troubled["info"] = PermissionError("Access Denied")
    (denied,) = examine_folder("troubled://out")
    (nothing,) = examine_folder("nowhere://out")

    renamed = "a document appears there by a new name, as whole as its store renames"
    assert f"memory://out, none yet, the first run makes it; {renamed}" == none_yet.found
    assert (f"memory://out; {renamed}", None) == (there.found, there.error)
    assert ["output.denied", "output.library"] == [denied.error.code, nothing.error.code]
    assert ["/out/x"] == names(bucket)


def test_draft_leaves_no_name_on_this_machine(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with remote_draft(location("memory://out/x")) as draft:
        draft.stream.write(b"one")
        assert [] == list(Path(tmp_path).iterdir())
        draft.publish([location("memory://out/x")], lambda _: False)

    assert b"one" == bucket.cat_file("/out/x")
