"""What a failure of the network is called in one line: by the words of its cause, not of what reported it."""

import os
import socket
import ssl
from collections.abc import Mapping

__all__ = ["say_cause"]

_LONGEST_PROBLEM = 300


def say_cause(error: BaseException, known: Mapping[type[BaseException], str] | None = None) -> str:
    """Say what went wrong: the innermost cause that has words; cut short, as it may quote what was received.

    ``known`` has words for errors of the caller's own libraries.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return f"TLS certificate not trusted: {seen.verify_message}"
        if isinstance(seen, ssl.SSLError):
            return f"TLS failed: {seen.reason or seen}"
        for kind, words in (known or {}).items():
            if isinstance(seen, kind):
                return words
        if isinstance(seen, socket.gaierror):
            return "its name is not known"
        if isinstance(seen, OSError) and seen.errno:
            return os.strerror(seen.errno).lower()
        seen = seen.__cause__ or seen.__context__
    return " ".join(str(error).split())[:_LONGEST_PROBLEM] or type(error).__name__
