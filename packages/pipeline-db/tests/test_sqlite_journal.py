"""The choice of the journal, and that SQLite uses it."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline_db import PeeweeStore
from pipeline_db.sqlite import journal
from pipeline_db.sqlite.exceptions import DRIVER
from pipeline_db.sqlite.journal import ROLLBACK, WAL, choose_journal, find_file_system
from pipeline_jobs import OnDuplicate, Source

SYNCHRONOUS = {"FULL": 2, "EXTRA": 3}


@pytest.fixture
def mount_as(tmp_path, monkeypatch):
    """Make the folder of the test look as if it were on a file system of a given type."""

    def set_type(kind):
        device = tmp_path.stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            f"21 1 0:4095 / /proc rw - proc proc rw\n22 1 {number} / / rw shared:1 - {kind} /dev/x rw\n"
        )
        monkeypatch.setattr(journal, "_MOUNTS", mounts)
        return tmp_path

    return set_type


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((3, 7, 0), ROLLBACK),
        ((3, 40, 1), ROLLBACK),
        ((3, 44, 5), ROLLBACK),
        ((3, 44, 6), WAL),
        ((3, 44, 7), WAL),
        ((3, 45, 0), ROLLBACK),
        ((3, 50, 6), ROLLBACK),
        ((3, 50, 7), WAL),
        ((3, 51, 0), ROLLBACK),
        ((3, 51, 2), ROLLBACK),
        ((3, 51, 3), WAL),
        ((3, 52, 0), WAL),
        ((4, 0, 0), WAL),
    ],
)
def test_wal_needs_a_fixed_sqlite(mount_as, version, expected):
    """Earlier releases can corrupt a WAL that is reset while another connection writes."""
    assert expected == choose_journal(version, mount_as("ext4"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, WAL) for kind in ("btrfs", "ext4", "overlay", "tmpfs", "xfs", "zfs")),
        *((kind, ROLLBACK) for kind in ("nfs4", "cifs", "fuse.sshfs", "9p", "vboxsf", "virtiofs", "new")),
    ],
)
def test_wal_needs_a_local_find_file_system(mount_as, kind, expected):
    """On others, known or unknown, memory may not be shared by all processes that open the file."""
    assert expected == choose_journal((3, 52, 0), mount_as(kind))


def test_each_journal_makes_a_commit_durable():
    """With DELETE and FULL a power failure can undo a reported commit."""
    assert [("DELETE", "EXTRA"), ("WAL", "FULL")] == [tuple(ROLLBACK), tuple(WAL)]


def test_an_unknown_file_system_has_the_rollback_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_MOUNTS", tmp_path / "missing")

    assert find_file_system(tmp_path) is None
    assert ROLLBACK == choose_journal((3, 52, 0), tmp_path)


def test_a_device_without_a_mount_is_unknown(tmp_path, monkeypatch):
    """Such as that of a Btrfs subvolume, which is not in the table of mounts."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("21 1 0:4095 / /proc rw - proc proc rw\n")
    monkeypatch.setattr(journal, "_MOUNTS", mounts)

    assert find_file_system(tmp_path) is None


def test_a_mount_point_may_have_any_name(mount_as):
    """The kernel escapes only space, tab, LF and backslash in it."""
    folder = mount_as("ext4")
    text = journal._MOUNTS.read_text()
    strange = "20 1 0:4094 / /mnt/a\rb\x0b\x1c\u2028\udcff\u3000c rw - fuse x rw\n"
    journal._MOUNTS.write_bytes((strange + text).encode("utf-8", "surrogateescape"))

    assert find_file_system(folder) == "ext4"


@pytest.mark.skipif(not shutil.which("findmnt"), reason="findmnt is not installed")
@pytest.mark.parametrize("path", ["/", "/proc", "/dev/shm", "."])
def test_the_file_system_is_the_same_as_in_findmnt(tmp_path, path):
    path = tmp_path / path  # an absolute path stays as it is

    expected = subprocess.run(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", path],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )

    assert expected.stdout.split()[-1] == find_file_system(path)


def test_a_link_has_the_file_system_of_its_target(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/proc/self/mountinfo")

    assert find_file_system(link) == find_file_system(Path("/proc"))


def read_pragmas(path):
    """Return journal mode and synchronous setting inside a transaction of the store."""
    store = PeeweeStore(path)
    with store._backend.open_transaction("key", 1, create=True) as connection:
        return [
            connection.driver.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]


def test_a_local_link_to_a_network_file_system_has_the_rollback_journal(store, mount_as, monkeypatch):
    """SQLite keeps the WAL beside the file, not beside the link."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == store.path.parent.stat().st_dev:
        pytest.skip("needs a second file system")
    monkeypatch.setattr(journal, "_FIXED_SINCE", (3, 0, 0))
    device = memory.stat().st_dev
    with mount_as("nfs4").joinpath("mountinfo").open("a") as file:
        file.write(f"23 1 {os.major(device)}:{os.minor(device)} / /dev/shm rw - tmpfs tmpfs rw\n")
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)

    with TemporaryDirectory(dir=memory) as folder:
        link = Path(folder, "p.db")
        link.symlink_to(store.path)
        assert "delete" == read_pragmas(link)[0]


def test_sqlite_uses_the_chosen_journal(tmp_path):
    path = tmp_path / "p.db"

    mode, synchronous = read_pragmas(path)

    expected = choose_journal(DRIVER.sqlite_version_info, path)
    assert (expected.mode.lower(), SYNCHRONOUS[expected.synchronous]) == (mode, synchronous)


@pytest.mark.parametrize("since", [[(3, 0, 0), (9, 0, 0)], [(9, 0, 0), (3, 0, 0)]])
def test_a_change_of_the_library_changes_the_journal(store, monkeypatch, ask, since):
    """In both directions, and without loss of data."""
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)
    monkeypatch.setattr(journal, "_FIXED_PATCH_RELEASES", {})
    for release in since:
        monkeypatch.setattr(journal, "_FIXED_SINCE", release)
        expected = choose_journal(DRIVER.sqlite_version_info, store.path)

        assert expected.mode.lower() == read_pragmas(store.path)[0]
        assert [(1,)] == ask(store.path, "SELECT count(*) FROM processing_batches")
