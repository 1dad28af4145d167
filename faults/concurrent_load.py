"""Points of concurrent work: a long load beside other writers, two runners in one process."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from checks import RunFolder, check_integrity
from contents import Lines
from many_processes import count_batches, run_together
from processes import force_journal, run_forked
from sweep import require

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import OnDuplicate, Record, Source
from pipeline_orchestration.runner import PipelineRunner


def check_long_load(mode: str, seconds: float, folder: Path) -> str:
    """Load for longer than other writers wait: they fail or succeed, and readers see all or nothing."""
    database = folder / "pipeline.db"
    store = PeeweeStore(database)
    store.load(Source("file:///first", "first"), [[Record(1, "x")]], OnDuplicate.SKIP)
    chunks = [[Record(first + n, "x" * 100) for n in range(1000)] for first in range(1, 20_000, 1000)]

    def yield_slowly() -> Iterator[list[Record]]:
        for chunk in chunks:
            yield chunk
            time.sleep(0.1)

    def load() -> int:
        force_journal(mode)
        return int(
            store.load(Source("file:///long", "long"), yield_slowly(), OnDuplicate.SKIP).record_count
            != 20_000
        )

    def write(number: int) -> int:
        force_journal(mode)
        time.sleep(0.3)
        try:
            impatient = PeeweeStore(database, busy_timeout=seconds)
            impatient.load(Source(f"file:///{number}", "other"), [[Record(1, "x")]], OnDuplicate.SKIP)
        except DatabaseError as error:
            return 6 if error.code == "database.busy" else 1
        return 0

    def read() -> int:
        seen = set()
        for _ in range(100):
            try:
                with closing(sqlite3.connect(database, timeout=0)) as reader:
                    seen |= set(reader.execute("SELECT count(*) FROM processed_records WHERE batch_id = 2"))
            except (
                sqlite3.OperationalError
            ) as error:  # with a rollback journal, a full cache locks readers out
                if "locked" not in str(error):
                    raise
            time.sleep(0.02)
        return 0 if seen <= {(0,), (20_000,)} | {(1,)} else 1

    results = run_together([load, partial(write, 1), partial(write, 2), read], folder)
    require([results[0].code, results[3].code] == [0, 0], results)
    with closing(sqlite3.connect(database)) as connection:
        check_integrity(connection)
        found = dict(connection.execute("SELECT source, record_count FROM processing_batches"))
        counted = dict(
            connection.execute(
                "SELECT source, count(*) FROM processed_records "
                "JOIN processing_batches ON id = batch_id GROUP BY id"
            )
        )
    expected = {"file:///first": 1, "file:///long": 20_000}
    expected |= {f"file:///{number}": 1 for number in (1, 2) if results[number].code == 0}
    require(found == counted == expected, f"{found} {counted} {[each.code for each in results]}")
    require({each.code for each in results[1:3]} <= {0, 6}, results)
    return "others gave up" if any(each.code for each in results[1:3]) else "others waited"


def check_two_runners(mode: str, folder: Path) -> None:
    """Run on two databases in threads of one process: their data do not mix."""

    def work() -> int:
        force_journal(mode)
        places = [
            RunFolder(folder / name, Lines(tuple(f"{name} {n}" for n in range(50))))
            for name in ("one", "two")
        ]
        for place in places:
            place.folder.mkdir()
            place.write_input()

        def run(place: RunFolder) -> None:
            runner = PipelineRunner(
                output_dir=place.document.parent, db_path=place.database, engine="local", log_level="OFF"
            )
            for _ in range(5):
                runner.run(place.input)

        threads = [threading.Thread(target=run, args=[place]) for place in places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for place in places:
            place.check_done("ABC")
            with closing(sqlite3.connect(place.database)) as database:
                require(count_batches(database) == 1, "a batch of the other runner is there")
        return 0

    results = run_forked(work, folder)
    require(results.code == 0, results)
