"""Log forwarding: workers send their records over a socket to the process that started them."""

import logging
import pickle
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import SocketHandler
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

from pipeline_orchestration.log_levels import EscapingFormatter, follow_logger, is_followed

_LENGTH = struct.Struct(">L")  # SocketHandler writes it before each record


class _RecordReceiver(StreamRequestHandler):
    """Handles the records of one worker until that ends or is killed."""

    def handle(self) -> None:
        while len(length := self.rfile.read(_LENGTH.size)) == _LENGTH.size:
            (size,) = _LENGTH.unpack(length)
            if len(data := self.rfile.read(size)) < size:
                return  # the worker was killed in the middle of a record
            record = logging.makeLogRecord(pickle.loads(data))  # noqa: S301  # only this user can reach the socket
            logger = logging.getLogger(record.name)
            if getattr(record, "is_followed", False):
                follow_logger(record.name)
            if not logger.isEnabledFor(record.levelno):
                continue
            if called := getattr(record, "called_handlers", ()):
                _call_other_handlers(logger, record, called)
            else:
                logger.handle(record)


def _call_other_handlers(logger: logging.Logger, record: logging.LogRecord, called: Sequence[str]) -> None:
    """Handle a record as its logger does, but not by the handlers that the worker has called.

    Where a module of the pipeline adds a handler, it has added it in both processes.
    """
    if not logger.disabled and logger.filter(record):
        for name, handler in _list_handlers(logger):
            if name not in called and record.levelno >= handler.level:
                handler.handle(record)


def _list_handlers(logger: logging.Logger) -> Iterator[tuple[str, logging.Handler]]:
    """Yield what handles the records of a logger, each with a name that is the same in all processes."""
    each: logging.Logger | None = logger
    while each is not None:
        for handler in each.handlers:
            if not isinstance(handler, _RecordSender):
                file = getattr(handler, "baseFilename", "")
                yield f"{each.name} {type(handler).__qualname__} {file}", handler
        each = each.parent if each.propagate else None


class _RecordSender(SocketHandler):
    """Sends a record, with what the receiver is to know: it has built no job, and called no handler."""

    def emit(self, record: logging.LogRecord) -> None:
        record.is_followed = is_followed(record.name)
        record.called_handlers = [name for name, _ in _list_handlers(logging.getLogger(record.name))]
        super().emit(record)


@contextmanager
def receive_logs(address: Path) -> Iterator[None]:
    """Handle the records that workers send to a socket; at the end, every record that was sent is handled."""
    with ThreadingUnixStreamServer(str(address), _RecordReceiver) as server:
        server.request_queue_size = 128
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def send_logs(address: Path, level: int) -> None:
    """Send everything that this process logs from now on to a socket.

    Args:
        address: of the socket.
        level: of the root logger, which holds for loggers without a level of their own.
    """
    handler = _RecordSender(str(address), None)
    handler.setFormatter(EscapingFormatter())  # it formats tracebacks, which cannot be pickled
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
