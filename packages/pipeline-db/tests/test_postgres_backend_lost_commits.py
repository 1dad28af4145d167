"""Lost connections: wherever one is lost, each batch is stored exactly once after some retries."""

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
    """A proxy to the server that cuts a connection when a word is sent for the first time.

    Args:
        url: the URL of the server.
        word: the word in the client's data.
        passing: whether the word is still forwarded; the answer never is.
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
            threading.Thread(target=self.backward, args=(server, client), daemon=True).start()

    def forward(self, client, server):
        with client, server:
            while data := receive(client):
                cut = self.word in data and not self.cuts
                if cut:
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                if not cut or self.passing:
                    server.sendall(data)
                if cut:
                    break
            # Closing alone would not wake the other thread, which waits for data.
            for each in (client, server):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def backward(self, server, client):
        try:
            while data := receive(server):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def receive(connection):
    try:
        return connection.recv(1 << 16)
    except OSError:
        return b""


@pytest.fixture
def connect_through_proxy(postgres_url):
    """Return a function that creates a store that connects through a proxy, and the proxy."""
    proxies = []

    def connect(word, *, passing, busy_timeout=30):
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

    yield connect
    for proxy in proxies:
        proxy.listening.close()


def count_records(store, ask):
    joined = "processing_batches JOIN processed_records ON id = batch_id"
    return ask(store, f"SELECT source, count(*) FROM {joined} GROUP BY 1 ORDER BY 1")


@pytest.mark.parametrize("chunks", [SMALL, LARGE], ids=["small", "large"])
def test_a_commit_with_a_lost_answer_is_verified(postgres_store, connect_through_proxy, ask, chunks):
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    store, proxy = connect_through_proxy(b"COMMIT", passing=True)

    loaded = store.load(A, chunks, SKIP)

    assert (1, sum(map(len, chunks)), False, False) == (
        proxy.cuts,
        loaded.record_count,
        loaded.duplicate,
        loaded.resumed,
    )
    assert {("file:///a", loaded.record_count), ("file:///b", 2)} == set(count_records(store, ask))


@pytest.mark.parametrize("chunks", [SMALL, LARGE], ids=["small", "large"])
def test_a_commit_that_did_not_arrive_is_an_error_and_leaves_nothing(
    postgres_store, connect_through_proxy, ask, chunks
):
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    store, proxy = connect_through_proxy(b"COMMIT", passing=False)

    with pytest.raises(DatabaseError) as caught:
        store.load(A, chunks, SKIP)

    assert (1, "database.lost", True) == (proxy.cuts, caught.value.code, caught.value.retriable)
    assert [("file:///b", 2)] == count_records(store, ask)
    assert sum(map(len, chunks)) == store.load(A, chunks, SKIP).record_count


def test_the_verification_waits_for_a_commit_in_progress(postgres_store, connect_through_proxy, ask):
    """While the lost connection holds the lock, its batch is not visible yet, but may be committed."""
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    ask(
        postgres_store,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$",
    )
    ask(
        postgres_store,
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON processing_batches "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    store, proxy = connect_through_proxy(b"COMMIT", passing=True)

    started = time.monotonic()
    loaded = store.load(A, SMALL, SKIP)

    assert (1, 2, False) == (proxy.cuts, loaded.record_count, loaded.resumed)
    assert 0.3 <= time.monotonic() - started
    assert [("file:///a", 2), ("file:///b", 2)] == sorted(count_records(store, ask))


def test_a_finalize_with_a_lost_answer_is_verified(postgres_store, connect_through_proxy):
    batch_id = postgres_store.load(A, SMALL, SKIP).batch_id
    store, proxy = connect_through_proxy(b"COMMIT", passing=True)

    assert Finalized(batch_id, 2) == store.finalize(batch_id)
    assert 1 == proxy.cuts
    assert Finalized(batch_id, 2, already=True) == store.finalize(batch_id)


def test_a_finalize_that_did_not_arrive_can_be_repeated(postgres_store, connect_through_proxy):
    batch_id = postgres_store.load(A, SMALL, SKIP).batch_id
    store, _ = connect_through_proxy(b"COMMIT", passing=False)

    with pytest.raises(DatabaseError, match=r"the connection was lost"):
        store.finalize(batch_id)

    assert Finalized(batch_id, 2) == store.finalize(batch_id)


@pytest.mark.parametrize("word", [b"BEGIN", b"INSERT INTO", b"COPY", b"EXISTS", b"user"])
def test_a_connection_lost_before_the_commit_leaves_nothing(postgres_store, connect_through_proxy, ask, word):
    """Whatever was sent last; the next attempt loads the batch."""
    postgres_store.load(Source("file:///b", "b"), SMALL, SKIP)
    store, _ = connect_through_proxy(word, passing=True)

    with pytest.raises(DatabaseError) as caught:
        store.load(A, LARGE, SKIP)

    assert ("database", True) == (caught.value.code.partition(".")[0], caught.value.retriable)
    assert [("file:///b", 2)] == count_records(store, ask)
    loaded = store.load(A, LARGE, SKIP)
    assert Loaded(loaded.batch_id, sum(map(len, LARGE))) == loaded


@contextmanager
def end_connections(url, end, pause):
    """End connections of the store at random during the block; yield the list of those ended."""
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
                stop.wait(0.1)  # the server is restarting

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
    """The server then ends all other connections too and restarts, as shared memory may be damaged."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended already
        if is_local(pid):
            os.kill(pid, signal.SIGKILL)


def is_local(pid):
    """Return whether the process of a connection runs on this machine."""
    return Path(f"/proc/{pid}/comm").read_text() == "postgres\n"


def repeat(act):
    """Repeat a call after retriable errors, as a user would; return its result and the number of attempts."""
    for attempt in range(1, 200):
        try:
            return act(), attempt
        except DatabaseError as error:
            if not error.retriable:
                raise
            time.sleep(0.02)
    pytest.fail("it never succeeds")


@pytest.mark.parametrize(
    ("end", "sources", "loads"), [(terminate, 30, 3), (kill, 5, 10)], ids=["terminated", "killed"]
)
def test_every_record_is_stored_once_whatever_connection_ends(postgres_store, ask, end, sources, loads):
    with psycopg.connect(postgres_store.place.with_password) as connection:
        pid = connection.info.backend_pid
        if end is kill and not (Path(f"/proc/{pid}").exists() and is_local(pid)):
            pytest.skip("the server runs on another machine")
    store, retries, start = postgres_store, 0, time.monotonic()
    store.load(Source("file:///first", "first"), LARGE, SKIP)
    pause = loads * (time.monotonic() - start)  # the duration of so many loads on this machine
    with end_connections(store.place.with_password, end, pause) as ended:
        number = 0
        while number < sources or not retries:  # until it had an effect
            source = Source(f"file:///{number}", f"{number}")
            loaded, attempts = repeat(lambda source=source: store.load(source, LARGE, SKIP))
            _, more_attempts = repeat(lambda loaded=loaded: store.finalize(loaded.batch_id))
            retries += attempts + more_attempts - 2
            number += 1

    expected = [(f"file:///{n}", sum(map(len, LARGE))) for n in range(number)]
    query = "SELECT source, count(*), count(DISTINCT batch_id) FROM finalized_records GROUP BY source"
    assert sorted((*each, 1) for each in expected) == sorted(ask(store, query))
    assert [(number + 1,)] == ask(store, "SELECT count(*) FROM processing_batches")
    assert ended
