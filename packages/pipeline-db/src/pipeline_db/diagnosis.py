"""What is known of a database and its place without changing them: nothing made, rolled back or migrated."""

import stat
from pathlib import Path

from pipeline_jobs import Finding

from .contents import examine_contents, in_wal
from .durability import WAL, file_system, journal, local, mended
from .errors import DatabaseError
from .postgres.driver import missing_driver
from .sqlite import exists, writable
from .sqlite_errors import DRIVER
from .url import DatabaseUrl, is_url

_VERSION: tuple[int, ...] = DRIVER.sqlite_version_info
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def examine_database(place: Path | str | DatabaseUrl) -> list[Finding]:
    """Tell what there is to keep a database with, how durable that is, and whether what is there is sound.

    Of a SQLite file, not to be called while this process has it open: that it is opened and closed here drops
    the locks of the process.

    Args:
        place: a file, or the URL of a PostgreSQL database.

    Raises:
        ValueError: it is a URL, but no right one.
    """
    if isinstance(place, str) and is_url(place):
        place = DatabaseUrl(place)
    return _server(place) if isinstance(place, DatabaseUrl) else _examine_file(Path(place).absolute())


def _server(url: DatabaseUrl) -> list[Finding]:
    if error := missing_driver(url):
        return [Finding("database", str(url), error)]
    from .postgres.diagnosis import examine_server  # noqa: PLC0415  # psycopg takes 0.2 s to import

    return examine_server(url)


def _examine_file(path: Path) -> list[Finding]:
    text = "without the WAL-reset fault" if mended(_VERSION) else "with the WAL-reset fault: WAL is not used"
    findings = [Finding("SQLite", f"{DRIVER.sqlite_version}, {text}")]
    try:
        there = exists(path)
    except DatabaseError as error:
        return [*findings, Finding("database", f"{path}", error)]
    findings += [_file(path), _file_system(path), _journal(path)]
    return [*findings, _modes(path), *examine_contents(path)] if there else findings


def _file(path: Path) -> Finding:
    try:
        there = writable(path)
    except DatabaseError as error:
        return Finding("database", f"{path}", error)
    if not there:
        return Finding("database", f"{path}: none yet, the first load makes it")
    return Finding("database", f"{path}, {path.stat().st_size:,} bytes")


def _file_system(path: Path) -> Finding:
    kind = file_system(_nearest(path))
    if local(kind):
        return Finding("file system", f"{kind}, local")
    hint = "on a file system that is not local, locks may not hold; a database is safe on a local disk"
    return Finding("file system", f"{kind or 'unknown'}, not known to be local", hint=hint)


def _journal(path: Path) -> Finding:
    chosen = journal(_VERSION, _nearest(path))
    found = f"{chosen.mode}, synchronous {chosen.synchronous}"
    try:
        now = "WAL" if path.exists() and in_wal(path) else ""
    except OSError:
        now = ""  # that it cannot be read is said of its contents
    if now == "WAL" and chosen != WAL:
        return Finding("journal", f"{found}; the file is in WAL mode until the next load or finalize")
    return Finding("journal", found)


def _modes(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    found = f"{mode:04o}"
    if not mode & _OTHERS:
        return Finding("file mode", f"{found}, its owner's alone")
    hint = "others than its owner may use it; chmod 600 keeps them out"
    return Finding("file mode", found, hint=hint)


def _nearest(path: Path) -> Path:
    """Return the path, or of the folders above it the first that is there."""
    return next(place for place in (path, *path.parents) if place.exists())
