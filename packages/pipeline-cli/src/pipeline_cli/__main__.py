"""Entry point of the command and of `python -m pipeline_cli`; light, as a signal may come meanwhile."""

import signal  # and nothing else: until `main` has set SIGINT, Ctrl-C would print a traceback


def main() -> None:
    """Run the `pipeline` command and exit."""
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
        # Until our own handlers are installed, Ctrl-C ends the process without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from .main import main as run_command  # noqa: PLC0415  # 0.1 s to import

    run_command()


if __name__ == "__main__":
    main()
