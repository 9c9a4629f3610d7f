"""``python -m app``."""

from market_data.__main__ import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
