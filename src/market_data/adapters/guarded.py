"""``python -m app.adapters.guarded MODULE …`` runs ``python -m MODULE …`` for as long as its parent lives.

The parent holds the other end of stdin. When that closes, even by the parent's being killed, the program gets SIGTERM,
so that nothing is left behind.
"""

import os
import runpy
import signal
import sys
import threading

__all__ = ["main"]

_STDIN = 0


def main() -> None:
    """Run the module that the arguments name."""
    threading.Thread(target=_wait_for_orphanhood, name="guard", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _wait_for_orphanhood() -> None:
    while os.read(_STDIN, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
