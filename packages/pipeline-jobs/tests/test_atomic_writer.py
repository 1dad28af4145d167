"""Atomic writing of local files: they appear whole or not at all, and drafts of killed runs are removed."""

import errno
import fcntl
import os
import resource
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_jobs import JobA, OutputError
from pipeline_jobs.storage import atomic_writer
from pipeline_jobs.storage.atomic_writer import open_draft

WRITER = """
import sys
from pathlib import Path
from pipeline_jobs.storage.atomic_writer import open_draft

with open_draft(Path(sys.argv[1])) as draft:
    draft.stream.write(b"half")
    draft.stream.flush()
    print(draft.temporary, flush=True)
    sys.stdin.read()
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def publish(path, content=b"new", ours=False, others=()):
    with open_draft(path) as draft:
        draft.write(content)
        return draft.publish([path, *others], lambda _: ours)


def test_draft_is_invisible_until_published(tmp_path):
    path = tmp_path / "new" / "folder" / "x.json"

    with open_draft(path) as draft:
        draft.stream.write(b"whole")
        before = path.exists(), draft.temporary.exists()
        draft.publish([path], lambda _: False)

    assert (False, True) == before
    assert ["x.json"] == names(path.parent)
    assert b"whole" == path.read_bytes()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_unpublished_draft_is_removed(tmp_path, error):
    def write_and_raise():
        with open_draft(tmp_path / "x.json") as draft:
            draft.stream.write(b"half")
            raise error

    with pytest.raises(error):
        write_and_raise()

    assert [] == names(tmp_path)


def test_existing_file_is_replaced_only_if_it_is_ours(tmp_path):
    path, other = tmp_path / "x.json", tmp_path / "y.json"
    path.write_bytes(b"old")

    assert other == publish(path, b"first", ours=False, others=[other])
    assert path == publish(path, b"second", ours=True)
    assert (b"second", b"first") == (path.read_bytes(), other.read_bytes())
    assert ["x.json", "y.json"] == names(tmp_path)


def test_publishing_fails_if_every_name_is_taken(tmp_path):
    path, other = tmp_path / "x.json", tmp_path / "y.json"
    path.write_bytes(b"old")
    other.mkdir()

    with pytest.raises(OutputError) as caught:
        publish(path, others=[other])

    assert "output.taken" == caught.value.code
    assert f"{path}: the file there belongs to another source; move it away" == str(caught.value)
    assert (b"old", ["x.json", "y.json"]) == (path.read_bytes(), names(tmp_path))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_publishing_works_without_hard_links(tmp_path, monkeypatch, number):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)

    assert b"new" == publish(tmp_path / "x.json").read_bytes()
    assert ["x.json"] == names(tmp_path)

    with pytest.raises(OutputError):  # a rename would replace the file
        publish(tmp_path / "x.json", b"newer")
    assert b"new" == (tmp_path / "x.json").read_bytes()


@pytest.mark.parametrize("name", ["x.json", "a [b]*?.json", "new\nline.json", os.fsdecode(b"caf\xe9.json")])
def test_draft_of_a_killed_writer_is_removed_and_that_of_a_living_one_is_kept(tmp_path, name):
    path = tmp_path / name
    command = [sys.executable, "-c", WRITER, os.fsencode(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        line = writer.stdout.readline()
        while path.name.count("\n") > line.count(b"\n") - 1:
            line += writer.stdout.readline()
        temporary = Path(os.fsdecode(line[:-1]))

        publish(path, b"first")
        kept_while_alive = temporary.exists()
        writer.kill()
        writer.wait()
        atomic_writer._list_temporaries.cache_clear()  # else the folder is listed once a second
        publish(path, b"second", ours=True)

    assert kept_while_alive
    assert [name] == names(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        ".y.json.01234567.tmp",
        ".x.json.0123456.tmp",
        ".x.json.notours!.tmp",
        "x.json.01234567.tmp",
        ".x.json.tmp",
    ],
)
def test_temporary_files_of_other_outputs_are_kept(tmp_path, name):
    (tmp_path / name).touch()

    publish(tmp_path / "x.json")

    assert sorted([name, "x.json"]) == names(tmp_path)


def test_draft_removed_before_it_is_locked_is_created_again(tmp_path, monkeypatch):
    """Between creating and locking a file, another run may take it for abandoned."""
    locked = []

    def flock(stream, how, lock=atomic_writer.fcntl.flock):
        (draft,) = tmp_path.iterdir()
        if not locked:
            draft.unlink()
        locked.append(draft)
        lock(stream, how)

    monkeypatch.setattr(atomic_writer.fcntl, "flock", flock)

    assert b"new" == publish(tmp_path / "x.json").read_bytes()
    assert 2 == len(set(locked))


def test_fifos_and_links_named_like_drafts_are_ignored(tmp_path):
    """Neither is a draft, and opening the FIFO would wait for a writer."""
    os.mkfifo(tmp_path / ".x.json.00000000.tmp")
    (tmp_path / ".x.json.11111111.tmp").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").touch()

    publish(tmp_path / "x.json")

    assert 4 == len(list(tmp_path.iterdir()))


def make_file(folder):
    (folder / "out").touch()
    return folder / "out"


@pytest.mark.parametrize(
    ("where", "code", "message"),
    [
        (make_file, "output.not_a_folder", "{parent} is not a folder"),
        (lambda folder: make_file(folder) / "below", "output.not_a_folder", "{parent} is not a folder"),
        (lambda folder: folder / (256 * "x"), "output.failed", "File name too long"),
    ],
    ids=["a file", "below a file", "long name"],
)
def test_unwritable_path_raises_an_output_error(tmp_path, where, code, message):
    path = where(tmp_path) / "x.json"

    with pytest.raises(OutputError) as caught:
        publish(path, bytes(1), ours=True)

    assert code == caught.value.code
    assert f"{path}: cannot be written: {message.format(parent=path.parent)}" == str(caught.value)


def test_write_protected_folder_is_denied():
    """The kernel refuses root too; its words depend on the user and on how /sys is mounted."""
    with pytest.raises(OutputError, match=r"^/sys/nope/x\.json: cannot be written: .") as caught:
        publish(Path("/sys/nope/x.json"), bytes(1), ours=True)

    assert "output.denied" == caught.value.code


def test_exceptions_of_the_caller_are_passed_on(tmp_path):
    """A ``ConnectionError`` is an ``OSError``, and has nothing to do with the file."""
    with pytest.raises(ConnectionError, match=r"^the caller's$"), open_draft(tmp_path / "x.json"):
        raise ConnectionError("the caller's")

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [5000, 100_000], ids=["at the flush", "at the write"])
def test_full_disk_leaves_the_old_file(tmp_path, size):
    """A limit on the size of files stands in for a full disk."""
    path = tmp_path / "x.json"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError) as caught:
            publish(path, bytes(size), ours=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ("output.no_space", f"{path}: cannot be written: File too large") == (
        caught.value.code,
        str(caught.value),
    )
    assert (b"old", ["x.json"]) == (path.read_bytes(), [each.name for each in tmp_path.iterdir()])


def replace_folder(folder, _):
    folder.rename(folder.with_name("moved"))
    folder.mkdir()


REMOVALS = {
    "folder": lambda folder, _: shutil.rmtree(folder),
    "folder and all above": lambda folder, _: shutil.rmtree(folder.parent),
    "folder replaced": replace_folder,
    "folder moved": lambda folder, _: folder.rename(folder.with_name("moved")),
    "file": lambda _, temporary: temporary.unlink(),
    "file replaced": lambda _, temporary: (temporary.unlink(), temporary.touch()),
    "folder made a file": lambda folder, _: (shutil.rmtree(folder), folder.touch()),
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_removal_of_draft_or_folder_during_a_job_is_an_error(tmp_path, remove):
    """Nothing is left in the folder, nor in another one that has taken its name."""
    source, folder = tmp_path / "x.txt", tmp_path / "below" / "out"
    source.write_text("a\n")

    def progress(*_):
        (temporary,) = folder.iterdir()
        remove(folder, temporary)

    job = JobA(folder)
    job.progress = progress
    result = job.execute(source)

    path = folder / "x_processed.json"
    reason = "its folder or temporary file was removed during the run; run the same command again"
    assert ("output.removed", f"{path}: cannot be written: {reason}") == (result.code, result.error)
    assert [source] == [each for each in tmp_path.rglob("*") if each.is_file() and each != folder]


def test_job_succeeds_when_repeated_after_a_removal(tmp_path):
    source, folder = tmp_path / "x.txt", tmp_path / "out"
    source.write_text("a\n")
    job = JobA(folder)
    job.progress = lambda *_: shutil.rmtree(folder)

    assert "output.removed" == job.execute(source).code
    assert JobA(folder).execute(source).success


def test_draft_is_published_in_its_own_folder_even_if_that_is_replaced(tmp_path, monkeypatch):
    """The draft is published in the folder it was made in, whatever its name is now."""
    path = tmp_path / "out" / "x.json"

    with open_draft(path) as draft:
        remove_before_publishing(draft, replace_folder, monkeypatch)
        draft.publish([path], lambda _: True)

    assert [] == list(path.parent.iterdir())
    assert [tmp_path / "moved" / "x.json"] == list((tmp_path / "moved").iterdir())


def test_folder_removed_just_before_publishing_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "out" / "x.json"

    with pytest.raises(OutputError) as caught, open_draft(path) as draft:  # noqa: PT012  # the draft is what raises
        remove_before_publishing(draft, REMOVALS["folder"], monkeypatch)
        draft.publish([path], lambda _: True)

    assert "output.removed" == caught.value.code


def remove_before_publishing(draft, remove, monkeypatch):
    """Remove something right after the draft was found to be in its place."""
    check = draft._check_in_place
    monkeypatch.setattr(draft, "_check_in_place", lambda: (check(), remove(draft.path.parent, None)))


def test_all_descriptors_are_closed(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))

    publish(tmp_path / "x.json", bytes(1), ours=True)
    with pytest.raises(OutputError):
        publish(tmp_path / (256 * "x"), bytes(1), ours=True)

    assert before == len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def umask():
    """A function that sets the umask until the end of the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def get_mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o027, 0o077])
@pytest.mark.parametrize("told", [True, False])
def test_only_the_owner_can_open_a_draft_and_the_file_has_the_mode_of_the_umask(
    tmp_path, umask, monkeypatch, mask, told
):
    """Who can open a draft, can lock it. Where the umask is not told, a file is made to see its effect."""
    if not told:
        monkeypatch.setattr(atomic_writer, "_read_umask", lambda: None)
    umask(mask)

    with open_draft(tmp_path / "x.json") as draft:
        before = get_mode(draft.temporary)
        draft.publish([tmp_path / "x.json"], lambda _: False)

    assert (0o600, 0o666 & ~mask) == (before, get_mode(tmp_path / "x.json"))
    assert ["x.json"] == names(tmp_path)
    assert mask == umask(mask)


def test_the_file_has_the_permissions_that_its_folder_gives(tmp_path, umask):
    """In a folder with a default ACL, the umask does not count."""
    entry, nobody = struct.Struct("<HHI"), 0xFFFFFFFF
    acl = [(0x01, 7, nobody), (0x04, 0, nobody), (0x08, 7, 12345), (0x10, 7, nobody), (0x20, 0, nobody)]
    packed = struct.pack("<I", 2) + b"".join(entry.pack(*each) for each in acl)
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", packed)
    except OSError as error:
        pytest.skip(f"no ACLs here: {error}")
    umask(0o077)
    (tmp_path / "usual").touch()

    publish(tmp_path / "x.json")

    usual = [os.getxattr(tmp_path / name, "system.posix_acl_access") for name in ("usual", "x.json")]
    assert 0o660 == get_mode(tmp_path / "x.json")
    assert usual[0] == usual[1]
    assert ["usual", "x.json"] == names(tmp_path)


def lock_before(monkeypatch, count):
    """Let somebody else lock the first drafts, so many of them, before their writer does."""
    held = []

    def flock(stream, how, lock=fcntl.flock):
        if len(held) < count:
            held.append(os.open(f"/proc/self/fd/{stream.fileno()}", os.O_RDONLY))
            lock(held[-1], fcntl.LOCK_EX)
        lock(stream, how)

    monkeypatch.setattr(atomic_writer.fcntl, "flock", flock)
    return held


def test_a_draft_that_another_program_locks_is_made_again(tmp_path, monkeypatch):
    held = lock_before(monkeypatch, 3)

    publish(tmp_path / "x.json")

    assert 3 == len(held)
    assert ["x.json"] == names(tmp_path)


def test_a_program_that_locks_every_draft_is_an_error_and_nothing_waits(tmp_path, monkeypatch):
    lock_before(monkeypatch, 1000)

    with pytest.raises(OutputError, match="another program locks each temporary file") as caught:
        publish(tmp_path / "x.json")

    assert "output.failed" == caught.value.code
    assert [] == names(tmp_path)
