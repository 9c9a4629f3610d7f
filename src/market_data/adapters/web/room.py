"""File handles for so many connections."""

import sys

from market_data.application.ports import Telemetry

if sys.platform != "win32":
    import resource

__all__ = ["make_room"]

_OTHERS = 100
"""Handles for all else: the broker, files, the log."""


def make_room(connections: int, telemetry: Telemetry) -> int:
    """Raise this process's limit as far as it may, and give how many connections fit."""
    if sys.platform == "win32":
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    fit = max(1, min(connections, allowed - _OTHERS))
    if fit < connections:
        telemetry.warn("fewer file handles than connections are allowed: raise ulimit -n", handles=allowed, fit=fit)
    return fit
