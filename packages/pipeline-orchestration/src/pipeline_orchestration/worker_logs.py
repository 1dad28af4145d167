"""What worker processes log is handled by the process that started them, line by line and undamaged."""

import logging
import pickle
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import SocketHandler
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

_LENGTH = struct.Struct(">L")  # as SocketHandler writes it before each record


class _Records(StreamRequestHandler):
    """Handles the records of one worker, until it ends, however that is."""

    def handle(self) -> None:
        while len(length := self.rfile.read(_LENGTH.size)) == _LENGTH.size:
            (size,) = _LENGTH.unpack(length)
            if len(data := self.rfile.read(size)) < size:
                return  # killed in the middle
            record = logging.makeLogRecord(pickle.loads(data))  # noqa: S301  # the folder is its owner's alone
            logger = logging.getLogger(record.name)
            if logger.isEnabledFor(record.levelno):
                logger.handle(record)


@contextmanager
def logs_received(address: Path) -> Iterator[None]:
    """Handle what workers log to a socket of that address, all that they have sent before they ended."""
    with ThreadingUnixStreamServer(str(address), _Records) as server:
        server.request_queue_size = 128
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def log_to(address: Path, level: int) -> None:
    """Send all that this process logs from now on to a socket.

    Args:
        address: of the socket.
        level: from which on anything is logged by loggers that have no level of their own.
    """
    logging.root.handlers[:] = [SocketHandler(str(address), None)]
    logging.root.setLevel(level)
