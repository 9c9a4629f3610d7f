"""`python -m sandbox`."""

from market_data_sandbox.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
