"""The front door: arguments to settings to container to ``anyio.run``; signals, and what each ending means.

Status 0: done, or ended by Ctrl-C, SIGTERM or a closed pipe. 1: it could not go on, or records could not be delivered.
2: what was asked for is wrong: a setting, an argument, an instrument that no venue lists.

``entry`` knows all commands, ``options`` turns what was typed into what is meant, ``running`` runs a job until it is
told to stop.
"""

from market_data.cli.entry import main

__all__ = ["main"]
