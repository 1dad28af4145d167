"""Runs, refusals, duplicates, kills and other processes in any order, compared with a model of one page."""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from fuzz.run_model import ORDER_HEADER, ORDER_ROWS, RunModel
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from orders import ORDERS
from orders_pipeline import OrderRow, orders
from own_jobs import DIES, FAILURES, make_parsing

from pipeline_db import PeeweeStore
from pipeline_jobs import JobB, JobC
from pipeline_jobs.storage import atomic_writer
from pipeline_orchestration import PipelineRunner

MEMORY = Path("/dev/shm")  # faster, where there is one
# Two files of the same name in two folders.
INPUTS = st.sampled_from(["a.txt", "b.txt", "other/a.txt"])
CONTENTS = st.sampled_from(["", "one\n", "one\ntwo", "\r\r\n größe \u2028\n", "1\n2\n3\n4\n5\n6\n7\n"])
TABLES = st.sampled_from(["a.csv", "b.csv", "other/a.csv"])
ROWS = st.lists(st.sampled_from([*ORDER_ROWS]), min_size=2, max_size=6)
MAX_REJECTS = st.sampled_from(["0", "100%", "100%"])
BAD = st.sampled_from([b"a\n\xff", b"a\n\0", b"\xe2\x82"])
DATA = st.lists(st.sampled_from(["x", "", "größe"]), max_size=7)
RANGES = st.sampled_from([("A", "A"), ("A", "B"), ("A", "C")])
POLICIES = st.sampled_from(["skip", "skip", "load", "error"])
WHERE = st.sampled_from(["here", "elsewhere"])


@pytest.fixture(scope="module", autouse=True)
def other():
    """Start the process that forks one child for each run: a fork takes milliseconds."""
    command = [sys.executable, Path(__file__).with_name("forked_runs.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process, pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "other", process)
        yield
        process.stdin.close()


class EverythingAgrees(RuleBasedStateMachine):
    """Do the same in a folder and in a model of it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)).resolve()
        (self.folder / "other").mkdir()
        self.model = RunModel(self.folder)
        self.finalized_at = {}  # by the id of the batch
        self.killed = set()  # names of the documents that killed runs were writing
        self.last_run = None

    def teardown(self):
        shutil.rmtree(self.folder)

    def settings(self, policy, max_rejects=None):
        return {
            "output_dir": str(self.folder / "out"),
            "db_path": str(self.folder / "p.db"),
            "on_duplicate": policy,
            **({} if max_rejects is None else {"max_rejects": max_rejects}),
        }

    def run_elsewhere(self, value, start, stop, policy, max_rejects=None, *, kill_at=0, behaviour=None):
        """Run in another process; return the events it reported and its exit code."""
        settings = self.settings(policy, max_rejects)
        request = {"folder": str(self.folder), "settings": settings, "kill_at": kill_at}
        request |= {"value": value, "start": start, "stop": stop, "behaviour": behaviour}
        other.stdin.write(json.dumps(request, default=str) + "\n")
        other.stdin.flush()
        return json.loads(other.stdout.readline())

    def run(self, where, *arguments):
        """Run in this process or another, and in the model: the result is the same.

        The last argument, if there are five, is the limit on rejects, and the jobs are those of the orders.
        """
        self.last_run = arguments
        value, start, stop, policy, *max_rejects = arguments
        if where == "here":
            # A run lists the folder once a second at most; until then, drafts of killed runs stay.
            atomic_writer._list_temporaries.cache_clear()
            pipeline = orders if max_rejects else None
            options = self.settings(policy, *max_rejects)
            runner = PipelineRunner(pipeline=pipeline, engine="local", log_level="OFF", **options)
            result = runner.run(value, start, stop)
            found = result.code, result.batch_id, result.duplicate
        else:
            reply = self.run_elsewhere(*arguments)
            assert 0 == reply["exit"]
            found = (
                reply["events"][-1]["code"],
                reply["events"][-1]["batch_id"],
                reply["events"][-1]["duplicate"],
            )
        expected = self.model.run(*arguments)
        assert expected == found
        self.note_cleanup(value, start, expected[0])

    def note_cleanup(self, value, start, code):
        """Note that a run has removed the drafts that killed runs left of this document."""
        if isinstance(value, list):
            self.killed.discard("memory.json")
        elif start == "A" and not str(code).startswith("input"):
            self.killed.discard(f"{Path(value).stem}_processed.json")

    @rule(name=INPUTS, content=CONTENTS.map(str.encode) | CONTENTS.map(str.encode) | BAD)
    def write(self, name, content):
        file = self.folder / name
        file.write_bytes(content)
        self.model.inputs[file] = content

    @rule(name=INPUTS, content=CONTENTS)
    def append(self, name, content):
        file = self.folder / name
        with file.open("ab") as stream:
            stream.write(content.encode())
        self.model.inputs[file] = file.read_bytes()

    @rule(name=INPUTS, jobs=RANGES, policy=POLICIES, where=WHERE)
    def run_a_file(self, name, jobs, policy, where):
        self.run(where, self.folder / name, *jobs, policy)

    @rule(
        name=TABLES,
        rows=ROWS | ROWS | ROWS | st.none(),
        jobs=RANGES,
        policy=POLICIES,
        max_rejects=MAX_REJECTS,
        where=WHERE,
    )
    def run_a_table(self, name, rows, jobs, policy, max_rejects, where):
        """Run the jobs of the orders on a file that is written now, or was before, or is missing."""
        file = self.folder / name
        if rows is not None:
            file.write_text(ORDER_HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
            self.model.tables[file] = rows
        self.run(where, file, *jobs, policy, max_rejects)

    @precondition(lambda self: self.model.outputs)
    @rule(data=st.data(), stop=st.sampled_from("BC"), policy=POLICIES, where=WHERE)
    def run_a_document(self, data, stop, policy, where):
        document = data.draw(st.sampled_from(sorted(self.model.outputs)))
        limit = ["0"] if self.has_orders(document) else []
        self.run(where, document, "B", stop, policy, *limit)

    def has_orders(self, document):
        return self.model.outputs[document][0].endswith(".csv")

    @rule(records=DATA, stop=st.sampled_from("BC"), policy=POLICIES, where=WHERE)
    def run_data_in_memory(self, records, stop, policy, where):
        self.run(where, records, "B", stop, policy)

    @rule(number=st.integers(-1, 6), where=WHERE)
    def finalize(self, number, where):
        self.run(where, number, "C", "C", "skip")

    @rule(name=INPUTS, behaviour=st.sampled_from([*FAILURES, DIES]), policy=POLICIES, where=WHERE)
    def run_a_job_of_ones_own(self, name, behaviour, policy, where):
        """It hands the records of the file to B, or fails, and then nothing has happened."""
        file = self.folder / name
        if where == "here" and behaviour != DIES:
            pipeline = make_parsing(behaviour)
            runner = PipelineRunner(
                pipeline=pipeline, engine="local", log_level="OFF", **self.settings(policy)
            )
            result = runner.run(file)
            found = result.code, result.batch_id, result.duplicate
        else:
            reply = self.run_elsewhere(file, None, None, policy, behaviour=behaviour)
            if reply["exit"] == -9:
                assert behaviour == DIES
                assert self.model.run_own_job(file, DIES, policy)[0] == DIES  # the file itself is not refused
                return
            last = reply["events"][-1]
            found = last["code"], last["batch_id"], last["duplicate"]
        assert self.model.run_own_job(file, FAILURES.get(behaviour), policy) == found

    @precondition(lambda self: self.last_run)
    @rule(where=WHERE)
    def run_the_same_again(self, where):
        self.run(where, *self.last_run)

    @precondition(lambda self: self.model.outputs)
    @rule(data=st.data(), policy=POLICIES)
    def load_by_another_store(self, data, policy):
        document = data.draw(st.sampled_from(sorted(self.model.outputs)))
        store = PeeweeStore(self.folder / "p.db")
        target = store.into(OrderRow) if self.has_orders(document) else store

        loaded = JobB(target, policy).execute(document)

        code, batch, _ = self.model.run(document, "B", "B", policy)
        assert (code, batch) == (loaded.code, loaded.output)
        if batch:
            assert self.model.run(batch, "C", "C", policy)[1] == JobC(store).execute(batch).output

    @rule(
        name=INPUTS,
        table=TABLES,
        records=DATA,
        policy=POLICIES,
        kill_at=st.integers(1, 9),
        data=st.data(),
        resume=st.sampled_from([None, "here", "elsewhere"]),
    )
    def kill_a_run(self, name, table, records, policy, kill_at, data, resume):
        """Jobs that ended before the kill have had their effect, others none; the same run again resumes."""
        files = [self.folder / name, self.folder / table]
        value = data.draw(st.sampled_from([*files, *files, records]))
        start = "B" if value is records else "A"
        limit = ["100%"] if value is files[1] else []

        reply = self.run_elsewhere(value, start, "C", policy, *limit, kill_at=kill_at)

        ended = [event["job"] for event in reply["events"] if event.get("success")]
        if reply["exit"] == 0:
            result = reply["events"][-1]
            expected = self.model.run(value, start, "C", policy, *limit)
            assert expected == (result["code"], result["batch_id"], result["duplicate"])
            self.note_cleanup(value, start, expected[0])
            return
        assert -9 == reply["exit"]
        code = self.model.run(value, start, ended[-1], policy, *limit)[0] if ended else None
        assert code is None
        self.note_cleanup(value, start, None)
        if value is records:
            self.killed.add("memory.json")
        elif not ended:
            self.killed.add(f"{Path(value).stem}_processed.json")
        if resume:
            self.run(resume, value, start, "C", policy, *limit)

    @invariant()
    def documents_equal_the_model(self):
        found = {}
        for path in (self.folder / "out").glob("*.json"):
            document = json.loads(path.read_bytes())
            found[path] = (document["source"]["uri"], list(map(parse_record, document["records"])))
        assert self.model.outputs == found

    @invariant()
    def only_killed_runs_leave_drafts(self):
        drafts = {path.name[1:-13] for path in (self.folder / "out").glob(".*.tmp")}
        assert drafts <= self.killed

    @invariant()
    def batches_equal_the_model(self):
        path = self.folder / "p.db"
        if not path.exists() or not path.stat().st_size:
            assert [] == self.model.batches
            return
        with closing(sqlite3.connect(path)) as database:
            assert [("ok",)] == database.execute("PRAGMA integrity_check").fetchall()
            if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                assert [] == self.model.batches
                return
            batches = database.execute(
                "SELECT id, source, record_count, status FROM processing_batches ORDER BY id"
            ).fetchall()
            finalized_at = dict(
                database.execute(
                    "SELECT id, finalized_at FROM processing_batches WHERE finalized_at NOT NULL"
                )
            )
            tables = ("processed_records", "finalized_records")
            ordered = "SELECT batch_id, line_number, content FROM {} ORDER BY batch_id, line_number"
            all_records, visible = (database.execute(ordered.format(table)).fetchall() for table in tables)
            rows = {
                number: list(map(parse_record, ORDERS.read_records(database, number)))
                for (number,) in database.execute("SELECT id FROM processing_batches WHERE target = 'orders'")
            }
        assert self.finalized_at.items() <= finalized_at.items()
        self.finalized_at = finalized_at
        expected = list(enumerate(self.model.batches, 1))
        assert [(n, uri, count_loaded(records), status) for n, (uri, records, status) in expected] == batches
        assert {n: records for n, (uri, records, _) in expected if uri.endswith(".csv")} == rows
        lines = [batch for batch in expected if not batch[1][0].endswith(".csv")]
        expected_records = [(n, *each, status) for n, (_, records, status) in lines for each in records]
        assert [each[:3] for each in expected_records] == all_records
        assert [each[:3] for each in expected_records if each[3] == "finalized"] == visible


def parse_record(record):
    """Return a record of a document as the model has it."""
    if "reject" in record:
        return record["line_number"], (record["reject"]["kind"], record["reject"]["raw"])
    content = record["content"]
    return record["line_number"], tuple(content) if isinstance(content, list) else content


def count_loaded(records):
    """Return the number of records that are no rejects."""
    kinds = {kind for kind in ORDER_ROWS.values() if isinstance(kind, str)}
    return sum(isinstance(values, str) or values[0] not in kinds for _, values in records)


TestEverythingAgrees = EverythingAgrees.TestCase
LONG = settings.get_profile("long")
IS_LONG = settings.default is LONG
STEPS = 20
# 400 steps in all; with the profile `long`, as many as it asks for.
TestEverythingAgrees.settings = settings(
    LONG if IS_LONG else settings.get_profile("laws"),
    stateful_step_count=STEPS,
    phases=set(Phase) - {Phase.explain},
    max_examples=max(1, LONG.max_examples // STEPS) if IS_LONG else 400 // STEPS,
)
