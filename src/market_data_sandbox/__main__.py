"""``python -m sandbox``."""

import os
import signal

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its status."""
    _end_on_signals()
    from market_data_sandbox.cli import main as run  # noqa: PLC0415 - while all of it is loaded, a signal must find a handler

    run()


def _end_on_signals() -> None:
    """End at once, with the status of every end that was asked for: there is nothing to be closed yet.

    An exception would not do: what is being imported may catch it.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(0))


if __name__ == "__main__":
    main()
