"""Process of the temporary Prefect server: serves on an inherited socket until its standard input is closed.

Nobody writes to standard input. The process that started this one holds the other end of the pipe, which is
closed when that process ends, however it ends.
"""

import gc
import os
import socket
import sys
from threading import Thread

START_FAILED = 3
"""Exit code if the server cannot start, as uvicorn has it."""


def main(descriptor: int) -> None:
    """Serve Prefect's API until a signal or the end of standard input.

    Args:
        descriptor: number of a socket that listens already.
    """
    # Before the imports, which take seconds.
    Thread(target=_exit_with_standard_input, daemon=True).start()
    _keep_out_current_folder()
    # The imports only make objects that stay; collecting garbage would take a tenth of their time.
    gc.disable()
    import prefect.server.api.server  # noqa: F401, PLC0415  # see above
    import uvicorn  # noqa: PLC0415  # see above

    gc.freeze()
    gc.enable()
    # The application that Prefect's own temporary server serves.
    app = "prefect.server.api.server:create_app"
    config = uvicorn.Config(app, factory=True, log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    with socket.socket(fileno=descriptor) as listening:
        server.run(sockets=[listening])
    if not server.started:
        sys.exit(START_FAILED)


class _NoModules:
    """Finds no module; stands for a folder on the path."""

    @staticmethod
    def find_spec(_name: str, _target: object = None) -> None:
        """Return None."""


def _keep_out_current_folder() -> None:
    """Import nothing from the current folder, which the migrations of Prefect's database put on the path."""
    here, given = os.path.realpath("."), frozenset(sys.path)

    def find_nothing(folder: str) -> type[_NoModules]:
        if folder in given or os.path.realpath(folder) != here:
            raise ImportError  # for the next hook
        return _NoModules

    sys.path_hooks.insert(0, find_nothing)


def _exit_with_standard_input() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
