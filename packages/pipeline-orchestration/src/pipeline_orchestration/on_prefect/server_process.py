"""The process of a temporary Prefect server, which serves on a given socket while its standard input is open.

Nothing is written there: the other end of that pipe is held by the process that started this one, and closes
with it, whatever ends it.
"""

import gc
import os
import socket
import sys
from threading import Thread

NEVER_STARTED = 3
"""Exit code where the server could not be started, as uvicorn has it."""


def main(descriptor: int) -> None:
    """Serve Prefect's API on a socket until a signal or the end of standard input.

    Args:
        descriptor: of the socket, which listens already.
    """
    # Before the seconds that the imports take.
    Thread(target=_end_with_standard_input, daemon=True).start()
    # What they make is kept: to look through it for garbage again and again takes a tenth of the time.
    gc.disable()
    import prefect.server.api.server  # noqa: F401, PLC0415  # see above
    import uvicorn  # noqa: PLC0415  # see above

    gc.freeze()
    gc.enable()
    # What Prefect's own temporary server is.
    app = "prefect.server.api.server:create_app"
    config = uvicorn.Config(app, factory=True, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    with socket.socket(fileno=descriptor) as listening:
        server.run(sockets=[listening])
    if not server.started:
        sys.exit(NEVER_STARTED)


def _end_with_standard_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
