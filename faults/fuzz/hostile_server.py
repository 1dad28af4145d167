"""A web server that answers with given bytes, whatever it is asked."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

_MOST_REQUEST_BYTES = 1 << 16
_SECONDS = 5


@contextmanager
def serve_answers(answers: Sequence[bytes]) -> Iterator[str]:
    """Answer the requests with `answers` in turn, closing each connection; yield the URL of the server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, answers))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)  # ends the wait for the next connection
            thread.join()


def _serve(server: socket.socket, answers: Sequence[bytes]) -> None:
    number = 0
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(_SECONDS)
            connection.recv(_MOST_REQUEST_BYTES)
            connection.sendall(answers[number % len(answers)])
        number += 1
