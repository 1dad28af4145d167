"""The entry point, also of `python -m pipeline_cli`: light, a signal may come while the rest loads."""

import signal  # and nothing else: until the first line of `main`, Ctrl-C shows a traceback


def main() -> None:
    """Run the `pipeline` command and exit."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        # Until we handle it, it is to end this process as it does others.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import main as command  # noqa: PLC0415  # 0.1 s to import

    command()


if __name__ == "__main__":
    main()
