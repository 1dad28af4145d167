"""A PostgreSQL server that answers a run as a real one does, until it lies once."""

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

BOOL, BIGINT, TEXT = 16, 20, 25
"""Numbers of types, as in the table pg_type."""

NEVER = 300.0
"""Seconds for which a lie says nothing; the command gives up before."""

_SSL_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102

type Column = tuple[int, str | bytes | None]
"""Type and value of a column."""

_ANSWERS: tuple[tuple[str, Sequence[Sequence[Column]]], ...] = (
    ("to_regclass", [[(TEXT, "public"), (TEXT, "pipeline_schema"), (BOOL, "t")]]),
    ("FROM pipeline_schema", [[(BIGINT, "2")]]),
    ("pg_is_in_recovery", [[(BOOL, "f"), (BOOL, "t")]]),
    ("has_table_privilege", [[(BOOL, "t")]]),
    ("server_version", [[(TEXT, each) for each in ("17.2", "UTF8", "on", "on", "on")]]),
    ("WITH RECURSIVE", []),
    ("GROUP BY", [[(TEXT, "loaded"), (BIGINT, "1")]]),
    ("LIMIT", [[(BIGINT, "1")]]),
    ("INSERT INTO", [[(BIGINT, "1")]]),
    ("COUNT", [[(BIGINT, "2")]]),
    (r"SELECT.*record_count.*records_sha256", []),
    (r"SELECT.*status.*record_count", [[(TEXT, "loaded"), (BIGINT, "2")]]),
    ("SELECT", []),
)
"""What a statement is known by, and the rows of its answer."""


def encode_message(kind: bytes, body: bytes = b"") -> bytes:
    """Encode a message of the protocol."""
    return kind + struct.pack("!I", len(body) + 4) + body


def encode_rows(rows: Sequence[Sequence[Column]]) -> bytes:
    """Encode rows with their description; without rows, one column of text is described."""
    columns = rows[0] if rows else [(TEXT, "")]
    names = b"".join(struct.pack("!2sIhIhih", b"c", 0, 0, kind, -1, -1, 0) for kind, _ in columns)
    description = encode_message(b"T", struct.pack("!h", len(columns)) + names)
    return description + b"".join(map(_encode_row, rows))


def _encode_row(row: Sequence[Column]) -> bytes:
    body = struct.pack("!h", len(row))
    for _, value in row:
        data = value.encode() if isinstance(value, str) else value
        body += struct.pack("!i", -1) if data is None else struct.pack("!i", len(data)) + data
    return encode_message(b"D", body)


def encode_error(state: str, message: str) -> bytes:
    """Encode an error."""
    fields = {b"S": "ERROR", b"C": state, b"M": message}
    return encode_message(b"E", b"".join(key + text.encode() + b"\0" for key, text in fields.items()) + b"\0")


@dataclass
class Conversation:
    """One connection: what was asked, and the bytes of a true answer.

    Args:
        connection: the connection.
        rows: of the true answer.
        tag: of the true answer, such as ``SELECT 1``.
        begun: what the true answer begins with, if the statement was prepared.
        ready: its end, which says that the server is ready again.
    """

    connection: socket.socket
    rows: Sequence[Sequence[Column]] = ()
    tag: str = ""
    begun: bytes = b""
    ready: bytes = field(default=b"")

    def send(self, *messages: bytes) -> None:
        """Send messages within the frame of the true answer, as if they were it."""
        self.connection.sendall(self.begun + b"".join(messages) + self.ready)

    def complete(self, rows: bytes, tag: str | None = None) -> None:
        """Send rows with the end of a command."""
        self.send(rows, encode_message(b"C", (self.tag if tag is None else tag).encode() + b"\0"))


type Lie = Callable[[Conversation], None]
"""Answers a statement in place of the truth."""


class LyingServer:
    """A server whose statements are answered truly, except one.

    Args:
        lie: answers that one, and those that follow.
        at: number of the statement that is the first to be answered by it, over all connections; 0 is the
            beginning of a connection.
    """

    def __init__(self, lie: Lie, at: int) -> None:
        self._lie, self._at = lie, at
        self._count = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.lied = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """URL of its database."""
        return f"postgresql://me@127.0.0.1:{self.port}/name"

    def close(self) -> None:
        """Accept no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError, struct.error):
            if not self._at:
                self.lied = True
                self._lie(Conversation(connection))
                return
            while True:
                (length,) = struct.unpack("!I", _receive(connection, 4))
                (code,) = struct.unpack("!I", _receive(connection, length - 4)[:4])
                if code == _CANCEL_REQUEST:
                    return
                if code not in (_SSL_REQUEST, _GSS_REQUEST):
                    break
                connection.sendall(b"N")
            settings = {"server_version": "17.2", "client_encoding": "UTF8", "TimeZone": "UTC"}
            connection.sendall(
                encode_message(b"R", struct.pack("!I", 0))
                + b"".join(
                    encode_message(b"S", f"{name}\0{value}\0".encode()) for name, value in settings.items()
                )
                + encode_message(b"K", struct.pack("!II", 1, 2))
                + encode_message(b"Z", b"I")
            )
            self._answer_statements(connection)

    def _answer_statements(self, connection: socket.socket) -> None:
        in_transaction, sql, prepared = b"I", "", False
        while True:
            kind = _receive(connection, 1)
            (length,) = struct.unpack("!I", _receive(connection, 4))
            body = _receive(connection, length - 4)
            if kind == b"X":
                return
            if kind == b"Q":
                sql, prepared = body[:-1].decode(), False
            elif kind == b"P":
                sql, prepared = body.split(b"\0")[1].decode(), True
            elif kind == b"c":
                sql, prepared = "COPY", False
            if kind not in (b"Q", b"S", b"c"):
                continue
            if sql.startswith("BEGIN"):
                in_transaction = b"T"
            elif sql.startswith(("COMMIT", "ROLLBACK")):
                in_transaction = b"I"
            begun = encode_message(b"1") + encode_message(b"2") if prepared else b""
            self._answer(connection, sql, begun, encode_message(b"Z", in_transaction), is_end=kind == b"c")

    def _answer(
        self, connection: socket.socket, sql: str, begun: bytes, ready: bytes, *, is_end: bool
    ) -> None:
        word = sql.split(maxsplit=1)[0].rstrip(";") if sql.strip() else ""
        rows = next((rows for known, rows in _ANSWERS if re.search(known, sql, re.DOTALL)), ())
        has_rows = word in ("SELECT", "WITH") or "RETURNING" in sql
        tag = {"INSERT": "INSERT 0 1", "UPDATE": "UPDATE 1", "SELECT": f"SELECT {len(rows)}"}.get(word, word)
        conversation = Conversation(connection, rows, "COPY 2" if is_end else tag, begun, ready)
        with self._lock:
            self._count += 1
            lies = self._count >= self._at
        if lies:
            self.lied = True
            self._lie(conversation)
        elif word == "BEGIN":
            ends = ("BEGIN", "SET", "SET", "SET", "SET", "SELECT 0", "SELECT 1")
            empty = encode_rows([])
            conversation.send(
                b"".join(
                    (empty if end[-1].isdigit() else b"") + encode_message(b"C", end.encode() + b"\0")
                    for end in ends
                )
            )
        elif word == "COPY" and not is_end:
            connection.sendall(encode_message(b"G", struct.pack("!bhhhh", 0, 3, 0, 0, 0)))
        elif has_rows:
            conversation.complete(encode_rows(rows))
        else:
            conversation.complete(encode_message(b"n") if begun else b"")


def _receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


@contextmanager
def run_lying_server(lie: Lie, at: int) -> Iterator[LyingServer]:
    """Run a lying server for the block."""
    server = LyingServer(lie, at)
    try:
        yield server
    finally:
        server.close()


def answer_rows(change: Callable[[list[Column]], Sequence[Sequence[Column]]]) -> Lie:
    """Return a lie: the rows that are made of the first true row."""

    def answer(conversation: Conversation) -> None:
        first: list[Column] = [(BIGINT, "1")]
        if conversation.rows:
            first = list(conversation.rows[0])
        conversation.complete(encode_rows(change(first)))

    return answer


def answer_messages(*messages: bytes) -> Lie:
    """Return a lie: these messages, as if they were the true answer."""
    return lambda conversation: conversation.send(*messages)


def answer_bytes(data: bytes, *, closes: bool = True) -> Lie:
    """Return a lie: bytes, and then the end of the connection, or nothing more."""

    def answer(conversation: Conversation) -> None:
        conversation.connection.sendall(data)
        if not closes:
            time.sleep(NEVER)
        conversation.connection.shutdown(socket.SHUT_RDWR)

    return answer


def repeat_message(message: bytes, pause: float = 0.0) -> Lie:
    """Return a lie: a message without end."""

    def answer(conversation: Conversation) -> None:
        deadline = time.monotonic() + NEVER
        while time.monotonic() < deadline:
            conversation.connection.sendall(message)
            time.sleep(pause)

    return answer


_NOTICE = encode_message(b"N", b"SNOTICE\0C00000\0Mx\0\0")

LIES: dict[str, Lie] = {
    "no row": answer_rows(lambda _: []),
    "a null": answer_rows(lambda row: [[(kind, None) for kind, _ in row]]),
    "text in place of each value": answer_rows(lambda row: [[(TEXT, "odd") for _ in row]]),
    "no number in place of a number": answer_rows(lambda row: [[(BIGINT, "odd") for _ in row]]),
    "numbers in place of each value": answer_rows(lambda row: [[(BIGINT, "7") for _ in row]]),
    "a number of 5,000 digits": answer_rows(lambda row: [[(BIGINT, "9" * 5000) for _ in row]]),
    "bytes that are no text": answer_rows(lambda row: [[(TEXT, b"\xff\xfe") for _ in row]]),
    "one column more": answer_rows(lambda row: [[*row, (TEXT, "x")]]),
    "no columns": answer_rows(lambda _: [[]]),
    "one column fewer": answer_rows(lambda row: [row[1:]]),
    "a time in place of each value": answer_rows(lambda row: [[(1114, "99999-99-99 x")] * len(row)]),
    "an empty query": answer_messages(encode_message(b"I")),
    "another command": answer_messages(encode_message(b"C", b"DROP TABLE\0")),
    "no command": answer_messages(),
    "a copy to the client": answer_messages(
        encode_message(b"H", struct.pack("!bh", 0, 0)), encode_message(b"c")
    ),
    "a copy from the client": answer_messages(encode_message(b"G", struct.pack("!bh", 0, 0))),
    "an error without a code": answer_messages(encode_error("", "odd\x1b[31m")),
    "an error of an unknown code": answer_messages(encode_error("\x1b", "")),
    "a row without a description": answer_messages(_encode_row([(TEXT, "x")])),
    "garbage": answer_bytes(bytes(range(255, 0, -1)) * 20),
    "garbage, then silence": answer_bytes(bytes(range(255, 0, -1)) * 20, closes=False),
    "a page of the web": answer_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "the end of the connection": answer_bytes(b""),
    "silence": answer_bytes(b"", closes=False),
    "a row that is announced, then silence": answer_bytes(b"D" + struct.pack("!I", 1 << 20), closes=False),
    "notices without end": repeat_message(_NOTICE, 0.01),
    "a byte now and then": repeat_message(b"\0", 0.5),
}
"""Lies by what they answer."""

BEGINNINGS: dict[str, Lie] = {
    **{
        name: LIES[name]
        for name in (
            "garbage",
            "garbage, then silence",
            "a page of the web",
            "silence",
            "a byte now and then",
        )
    },
    "an unknown way to log in": answer_bytes(
        b"N" + encode_message(b"R", struct.pack("!I", 99)), closes=False
    ),
    "an odd way to log in": answer_bytes(
        b"N" + encode_message(b"R", struct.pack("!I", 10) + b"\xff"), closes=False
    ),
    "that TLS is there, and none": answer_bytes(b"S" + bytes(100)),
    "the end of the connection": answer_bytes(b""),
}
"""Lies at the beginning of a connection."""
