"""``python -m app``, and what the console script ``market-data`` calls."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        # Not on top: a Ctrl-C while all is loaded is an end like any other.
        from market_data.cli import main as run  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(0)
    sys.exit(run())


if __name__ == "__main__":
    main()
