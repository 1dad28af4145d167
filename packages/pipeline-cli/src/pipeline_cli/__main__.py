"""The entry point, also of `python -m pipeline_cli`: light: a signal may come while the rest loads."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the `pipeline` command and exit."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        # Until we handle it, Ctrl-C is to end this process as it does others, without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import main as command  # noqa: PLC0415  # 0.1 s to import

    command()


if __name__ == "__main__":
    main()
