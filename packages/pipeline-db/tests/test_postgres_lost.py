"""Connections that are lost: wherever that happens, each batch is there once, after some tries."""

import os
import random
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pipeline_db import DatabaseError, PeeweeStore
from pipeline_jobs import Finalized, Loaded, OnDuplicate, Record, Source

A = Source("file:///a", "a")
SMALL = [[Record(1, "x"), Record(2, "y")]]
LARGE = [[Record(n * 1000 + i, "x" * 50) for i in range(1, 1000)] for n in range(5)]
SKIP = OnDuplicate.SKIP
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pipeline'"


class Proxy:
    """Stands between psycopg and the server, and cuts a connection at a word that is sent, the first time.

    Args:
        url: of the server.
        word: that is waited for.
        passing: whether it is still passed on; its answer never is.
    """

    def __init__(self, url, word, *, passing):
        options = conninfo_to_dict(url)
        self.server = options["host"], int(options.get("port", 5432))
        self.word, self.passing, self.cuts = word, passing, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            host, port = self.server
            if host.startswith("/"):
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{host}/.s.PGSQL.{port}")
            else:
                server = socket.create_connection(self.server)
            threading.Thread(target=self.forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self.back, args=(server, client), daemon=True).start()

    def forward(self, client, server):
        with client, server:
            while data := received(client):
                cut = self.word in data and not self.cuts
                if cut:
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                if not cut or self.passing:
                    server.sendall(data)
                if cut:
                    break
            # Not closed alone: while the other thread waits for it, nobody would be told.
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def back(self, server, client):
        try:
            while data := received(server):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def received(connection):
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""


@pytest.fixture
def through(postgres_url):
    """Return a store whose connections go through a proxy, and that proxy."""
    proxies = []

    def made(word, *, passing, busy_timeout=30):
        proxy = Proxy(postgres_url, word, passing=passing)
        proxies.append(proxy)
        options = conninfo_to_dict(postgres_url)
        port = proxy.listening.getsockname()[1]
        url = f"postgresql://{options['user']}@127.0.0.1:{port}/{options['dbname']}"
        password = os.environ.get("PGPASSWORD") or options.get("password")
        if password:
            url = url.replace("@", f":{password}@")
        search = options["options"].replace("=", "%3D")
        return PeeweeStore(f"{url}?options={search}", busy_timeout=busy_timeout), proxy

    yield made
    for proxy in proxies:
        proxy.listening.close()


def counts(store, ask):
    joined = "processing_batches JOIN processed_records ON id = batch_id"
    return ask(store, f"SELECT source, count(*) FROM {joined} GROUP BY 1 ORDER BY 1")


@pytest.mark.parametrize("chunks", [SMALL, LARGE], ids=["small", "large"])
def test_a_commit_whose_answer_is_lost_is_found_out_about(postgres_store, through, ask, chunks):
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    store, proxy = through(b"COMMIT", passing=True)

    loaded = store.load(A, chunks, SKIP)

    assert (1, sum(map(len, chunks)), False, False) == (
        proxy.cuts,
        loaded.record_count,
        loaded.duplicate,
        loaded.resumed,
    )
    assert {("file:///a", loaded.record_count), ("file:///b", 2)} == set(counts(store, ask))


@pytest.mark.parametrize("chunks", [SMALL, LARGE], ids=["small", "large"])
def test_a_commit_that_did_not_arrive_is_an_error_and_nothing_is_kept(postgres_store, through, ask, chunks):
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    store, proxy = through(b"COMMIT", passing=False)

    with pytest.raises(DatabaseError) as caught:
        store.load(A, chunks, SKIP)

    assert (1, "database.lost", True) == (proxy.cuts, caught.value.code, caught.value.retriable)
    assert [("file:///b", 2)] == counts(store, ask)
    assert sum(map(len, chunks)) == store.load(A, chunks, SKIP).record_count


def test_a_commit_that_is_not_done_yet_is_waited_for(postgres_store, through, ask):
    """Before the lost connection lets go of the lock, its batch is not there, but may come."""
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    ask(
        postgres_store,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
    )
    ask(
        postgres_store,
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON processing_batches "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    store, proxy = through(b"COMMIT", passing=True)

    started = time.monotonic()
    loaded = store.load(A, SMALL, SKIP)

    assert (1, 2, False) == (proxy.cuts, loaded.record_count, loaded.resumed)
    assert 1 <= time.monotonic() - started
    assert [("file:///a", 2), ("file:///b", 2)] == sorted(counts(store, ask))


def test_whether_a_batch_was_finalized_is_found_out_about(postgres_store, through):
    batch_id = postgres_store.load(A, SMALL, SKIP).batch_id
    store, proxy = through(b"COMMIT", passing=True)

    assert Finalized(batch_id, 2) == store.finalize(batch_id)
    assert 1 == proxy.cuts
    assert Finalized(batch_id, 2, already=True) == store.finalize(batch_id)


def test_a_batch_that_was_not_finalized_is_the_next_time(postgres_store, through):
    batch_id = postgres_store.load(A, SMALL, SKIP).batch_id
    store, _ = through(b"COMMIT", passing=False)

    with pytest.raises(DatabaseError, match=r"the connection was lost"):
        store.finalize(batch_id)

    assert Finalized(batch_id, 2) == store.finalize(batch_id)


@pytest.mark.parametrize("word", [b"BEGIN", b"INSERT INTO", b"COPY", b"EXISTS", b"user"])
def test_a_connection_lost_before_leaves_nothing(postgres_store, through, ask, word):
    """Whatever was asked last; the next try loads it."""
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    store, _ = through(word, passing=True)

    with pytest.raises(DatabaseError) as caught:
        store.load(A, LARGE, SKIP)

    assert ("database", True) == (caught.value.code.partition(".")[0], caught.value.retriable)
    assert [("file:///b", 2)] == counts(store, ask)
    loaded = store.load(A, LARGE, SKIP)
    assert Loaded(loaded.batch_id, sum(map(len, LARGE))) == loaded


@contextmanager
def ending(url, end, pause):
    """End connections of ours at random within the block; lend the list of those ended."""
    ended, stop = [], threading.Event()

    def act():
        chance = random.Random(7)
        while not stop.is_set():
            try:
                with closing(psycopg.connect(url, autocommit=True)) as connection:
                    while not stop.wait(chance.uniform(0, pause)):
                        found = connection.execute(BACKENDS).fetchall()
                        if found:
                            (pid,) = chance.choice(found)
                            end(connection, pid)
                            ended.append(pid)
            except psycopg.OperationalError:
                stop.wait(0.1)  # it is starting again

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join()


def terminate(connection, pid):
    connection.execute("SELECT pg_terminate_backend(%s)", [pid])


def kill(_, pid):
    """The server then ends all others too, and starts again: no memory that they share is trusted."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        if is_here(pid):
            os.kill(pid, signal.SIGKILL)


def is_here(pid):
    """Return whether a backend runs on this machine."""
    return Path(f"/proc/{pid}/comm").read_text() == "postgres\n"


def until_done(act):
    """Do what may be retried until it is done, as the command's retries and a person do; return how often."""
    for attempt in range(1, 200):
        try:
            return act(), attempt
        except DatabaseError as error:
            if not error.retriable:
                raise
            time.sleep(0.02)
    pytest.fail("it is never done")


@pytest.mark.parametrize(
    ("end", "sources", "patience"), [(terminate, 30, 3), (kill, 5, 10)], ids=["terminated", "killed"]
)
def test_whatever_is_ended_every_record_is_there_once(postgres_store, ask, end, sources, patience):
    with psycopg.connect(postgres_store.place.with_password) as connection:
        pid = connection.info.backend_pid
        if end is kill and not (Path(f"/proc/{pid}").exists() and is_here(pid)):
            pytest.skip("the server runs elsewhere")
    store, tries, start = postgres_store, 0, time.monotonic()
    store.load(Source("file:///first", "first"), LARGE, SKIP)
    pause = patience * (time.monotonic() - start)  # as many times as a load takes on this machine
    with ending(store.place.with_password, end, pause) as ended:
        number = 0
        while number < sources or not tries:  # until it was felt
            source = Source(f"file:///{number}", f"{number}")
            loaded, loads = until_done(lambda source=source: store.load(source, LARGE, SKIP))
            _, finalizes = until_done(lambda loaded=loaded: store.finalize(loaded.batch_id))
            tries += loads + finalizes - 2
            number += 1

    expected = [(f"file:///{n}", sum(map(len, LARGE))) for n in range(number)]
    found = "SELECT source, count(*), count(DISTINCT batch_id) FROM finalized_records GROUP BY source"
    assert sorted((*each, 1) for each in expected) == sorted(ask(store, found))
    assert [(number + 1,)] == ask(store, "SELECT count(*) FROM processing_batches")
    assert ended
