"""Which journal is chosen, and that it is the one in effect."""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline_db import durability
from pipeline_db.durability import ROLLBACK, WAL, file_system, journal
from pipeline_db.sqlite import Connection, create
from pipeline_jobs import OnDuplicate, Source

SYNCHRONOUS = {"FULL": 2, "EXTRA": 3}


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """The folder of a test looks as if it were on a file system of a type."""

    def on(kind):
        device = tmp_path.stat().st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            f"21 1 0:4095 / /proc rw - proc proc rw\n22 1 {number} / / rw shared:1 - {kind} /dev/x rw\n"
        )
        monkeypatch.setattr(durability, "_MOUNTS", mounts)
        return tmp_path

    return on


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
def test_wal_waits_for_a_mended_sqlite(mounted, version, expected):
    """Earlier ones can corrupt a WAL that is reset while another connection writes."""
    assert expected == journal(version, mounted("ext4"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, WAL) for kind in ("btrfs", "ext4", "overlay", "tmpfs", "xfs", "zfs")),
        *((kind, ROLLBACK) for kind in ("nfs4", "cifs", "fuse.sshfs", "9p", "vboxsf", "virtiofs", "new")),
    ],
)
def test_wal_stays_on_local_file_systems(mounted, kind, expected):
    """On any other, and on those not known, memory may not be shared by all who open the file."""
    assert expected == journal((3, 52, 0), mounted(kind))


def test_no_rollback_journal_without_a_durable_commit():
    """With DELETE and FULL, a power cut can undo a commit that was reported."""
    assert [("DELETE", "EXTRA"), ("WAL", "FULL")] == [tuple(ROLLBACK), tuple(WAL)]


def test_an_unknown_file_system_gets_the_rollback_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(durability, "_MOUNTS", tmp_path / "missing")

    assert file_system(tmp_path) is None
    assert ROLLBACK == journal((3, 52, 0), tmp_path)


def test_a_device_that_is_mounted_nowhere_is_unknown(tmp_path, monkeypatch):
    """As Btrfs subvolumes are: their device is not the one that the mounts name."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("21 1 0:4095 / /proc rw - proc proc rw\n")
    monkeypatch.setattr(durability, "_MOUNTS", mounts)

    assert file_system(tmp_path) is None


def test_a_mount_point_of_any_name_is_read_over(mounted):
    """The kernel escapes space, tab, LF and backslash in it, and nothing else."""
    folder = mounted("ext4")
    text = durability._MOUNTS.read_text()
    strange = "20 1 0:4094 / /mnt/a\rb\x0b\x1c\u2028\udcff\u3000c rw - fuse x rw\n"
    durability._MOUNTS.write_bytes((strange + text).encode("utf-8", "surrogateescape"))

    assert file_system(folder) == "ext4"


@pytest.mark.skipif(not shutil.which("findmnt"), reason="findmnt is not on this machine")
@pytest.mark.parametrize("path", ["/", "/proc", "/dev/shm", "."])
def test_the_file_system_is_the_one_that_findmnt_names(tmp_path, path):
    path = tmp_path / path  # a path from the root stays as it is

    expected = subprocess.run(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", path],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )

    assert expected.stdout.split()[-1] == file_system(path)


def test_a_link_is_on_the_file_system_it_leads_to(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/proc/self/mountinfo")

    assert file_system(link) == file_system(Path("/proc"))


def test_a_local_link_does_not_hide_a_network(store, mounted, monkeypatch):
    """SQLite keeps a WAL beside the file, not beside the link."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == store.path.parent.stat().st_dev:
        pytest.skip("there is no second file system here")
    monkeypatch.setattr(durability, "_MENDED_SINCE", (3, 0, 0))
    device = memory.stat().st_dev
    with mounted("nfs4").joinpath("mountinfo").open("a") as file:
        file.write(f"23 1 {os.major(device)}:{os.minor(device)} / /dev/shm rw - tmpfs tmpfs rw\n")
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)

    with TemporaryDirectory(dir=memory) as folder:
        link = Path(folder, "p.db")
        link.symlink_to(store.path)
        with Connection(link, 1) as connection, connection.writing():
            mode = connection.database.pragma("journal_mode")

    assert "delete" == mode


def test_the_journal_is_in_effect(tmp_path):
    path = tmp_path / "p.db"
    create(path)

    with Connection(path, 1) as connection, connection.writing():
        expected = journal(connection.database.server_version, path)
        mode, synchronous = (connection.database.pragma(name) for name in ("journal_mode", "synchronous"))

    assert (expected.mode.lower(), SYNCHRONOUS[expected.synchronous]) == (mode, synchronous)


@pytest.mark.parametrize("since", [[(3, 0, 0), (9, 0, 0)], [(9, 0, 0), (3, 0, 0)]])
def test_a_database_changes_its_journal_with_the_library(store, monkeypatch, ask, since):
    """In either direction, and keeps what it holds."""
    store.load(Source("file:///a", "a"), [], OnDuplicate.SKIP)
    monkeypatch.setattr(durability, "_MENDED", ())
    for release in since:
        monkeypatch.setattr(durability, "_MENDED_SINCE", release)
        expected = journal(sqlite3.sqlite_version_info, store.path)
        with Connection(store.path, 1) as connection, connection.writing():
            mode = connection.database.pragma("journal_mode")

        assert expected.mode.lower() == mode
        assert [(1,)] == ask(store.path, "SELECT count(*) FROM processing_batches")
