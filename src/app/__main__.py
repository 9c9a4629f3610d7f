"""``python -m app``, and what the console script ``market-data`` calls."""

import sys

from app.cli import main as run

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run())


if __name__ == "__main__":
    main()
