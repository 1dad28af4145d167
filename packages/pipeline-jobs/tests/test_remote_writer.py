"""Writing to a remote store: documents appear whole or not at all."""

import resource
import tempfile
from pathlib import Path

import pytest

from pipeline_jobs import JobA, OutputError, Url, parse_location
from pipeline_jobs.diagnostics import examine_folder
from pipeline_jobs.documents.reader import read_source
from pipeline_jobs.storage.remote_writer import open_remote_draft


def list_names(system):
    return sorted(system.store)


def test_remote_document_appears_whole_or_not_at_all(bucket, tmp_path):
    (tmp_path / "x.txt").write_bytes(b"one\n\xff")

    refused = JobA("memory://out").execute(tmp_path / "x.txt")
    (tmp_path / "x.txt").write_bytes(b"one\n")
    written = JobA("memory://out").execute(tmp_path / "x.txt")

    assert "input.undecodable" == refused.code
    assert Url("memory://out/x_processed.json") == written.output
    assert ["/out/x_processed.json"] == list_names(bucket)


def test_sources_with_one_name_have_separate_documents(bucket):
    bucket.pipe_file("/a/x.txt", b"one\n")
    bucket.pipe_file("/b/x.txt", b"two\n")
    bucket.pipe_file("/out/y_processed.json", b"somebody's")

    bucket.pipe_file("/a/y.txt", b"mine\n")
    first, second, again, third = (
        JobA("memory://out").execute(f"memory://{name}").unwrap()
        for name in ("a/x.txt", "b/x.txt", "a/x.txt", "a/y.txt")
    )

    assert first == again == Url("memory://out/x_processed.json")
    assert "memory://b/x.txt" == read_source(second).uri
    assert str(second).startswith("memory://out/x_")
    assert str(third).startswith("memory://out/y_")
    assert b"somebody's" == bucket.cat_file("/out/y_processed.json")


def test_publishing_fails_if_the_name_is_taken(bucket):
    taken = [parse_location("memory://out/x")]
    with open_remote_draft(taken[0]) as draft:
        bucket.pipe_file("/out/x", b"")
        with pytest.raises(OutputError) as caught:
            draft.publish(taken, lambda _: False)

    assert "output.taken" == caught.value.code
    assert "memory://out/x: the file there belongs to another source; move it away" == str(caught.value)


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
def test_store_errors_become_output_errors(bucket, failures, tmp_path, error, code, retriable, when):
    (tmp_path / "x.txt").write_text("one\n")
    failures[when] = error

    result = JobA("failing://out").execute(tmp_path / "x.txt")

    assert (code, retriable) == (result.code, result.retriable)
    assert result.error.startswith("failing://out/x_processed.json: cannot be written: ")
    assert [] == list_names(bucket)


def test_existing_document_is_not_replaced_while_the_store_is_unreachable(bucket, failures, tmp_path):
    """The error is retriable; the document does not get another name meanwhile."""
    (tmp_path / "x.txt").write_text("one\n")
    JobA("failing://out").execute(tmp_path / "x.txt").unwrap()
    failures["read"] = ConnectionResetError(104, "reset")

    result = JobA("failing://out").execute(tmp_path / "x.txt")

    assert ("input.unreachable", True) == (result.code, result.retriable)
    assert ["/out/x_processed.json"] == list_names(bucket)


def test_output_on_the_web_is_refused(tmp_path):
    (tmp_path / "x.txt").write_text("one\n")

    result = JobA("https://example.org/out").execute(tmp_path / "x.txt")

    assert "output.read_only" == result.code


def test_full_temporary_folder_is_named(bucket, tmp_path, monkeypatch):
    """A limit on the size of files stands in for a full disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    full = rf"^{tmp_path}: cannot be written: File too large$"
    with open_remote_draft(parse_location("memory://x")) as draft:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.raises(OutputError, match=full):
                draft.write(bytes(100_000))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_remote_folder_is_examined_without_writing(bucket, failures):
    (none_yet,) = examine_folder("memory://out")
    bucket.pipe_file("/out/x", b"")
    (there,) = examine_folder("memory://out")
    failures["info"] = PermissionError("Access Denied")
    (denied,) = examine_folder("failing://out")
    (nothing,) = examine_folder("nowhere://out")

    renamed = "a document appears there by a rename, as safe as the store's own"
    assert f"memory://out, none yet, the first run makes it; {renamed}" == none_yet.found
    assert (f"memory://out; {renamed}", None) == (there.found, there.error)
    assert ["output.denied", "output.library"] == [denied.error.code, nothing.error.code]
    assert ["/out/x"] == list_names(bucket)


def test_remote_draft_has_no_local_name(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with open_remote_draft(parse_location("memory://out/x")) as draft:
        draft.stream.write(b"one")
        assert [] == list(Path(tmp_path).iterdir())
        draft.publish([parse_location("memory://out/x")], lambda _: False)

    assert b"one" == bucket.cat_file("/out/x")
