"""How the broker is spoken to in private, and how to keep the password out of every log."""

import logging
import ssl
from pathlib import Path

import attrs

from market_data.domain.errors import UsageError

__all__ = ["PLAINTEXT", "Security"]


@attrs.frozen
class Security:
    """Encryption and authentication. Certificates and keys are PEM files.

    Without ``ca_file`` the system's authorities are trusted. The broker's certificate and its host name are always
    checked. ``key_file`` may be left out where ``certificate_file`` holds the key too.
    """

    protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    mechanism: str | None = None
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, with SASL."""
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    key_password: str | None = attrs.field(default=None, repr=False)

    @property
    def is_encrypted(self) -> bool:
        """Tell whether TLS is spoken."""
        return self.protocol in {"SSL", "SASL_SSL"}

    @property
    def is_authenticated(self) -> bool:
        """Tell whether a user name and a password are sent."""
        return self.protocol in {"SASL_PLAINTEXT", "SASL_SSL"}

    def arguments(self) -> dict[str, object]:
        """Say it in the words of aiokafka.

        Raises:
            UsageError: a certificate or key cannot be used.
        """
        arguments: dict[str, object] = {"security_protocol": self.protocol}
        if self.is_encrypted:
            arguments["ssl_context"] = self._context()
        if self.is_authenticated:
            _hide_authentication()
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ValueError) as error:
            raise UsageError(f"kafka.security.ca_file: {self.ca_file} cannot be used: {_said(error)}") from error
        if self.certificate_file is not None:
            try:
                # Without a password OpenSSL would ask for one on the terminal.
                context.load_cert_chain(self.certificate_file, self.key_file, password=self.key_password or "")
            except (OSError, ValueError) as error:
                files = f"{self.certificate_file} with {self.key_file or 'the key in it'}"
                problem = f"{files} cannot be used (are key_file and key_password right?): {_said(error)}"
                raise UsageError(f"kafka.security.certificate_file: {problem}") from error
        return context


PLAINTEXT = Security()
"""Neither encryption nor authentication."""


class _NoAuthentication(logging.Filter):
    """Drops what the client library logs, at DEBUG, of the requests that hold the password."""

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(type(argument).__name__.startswith("SaslAuthenticate") for argument in arguments)


_no_authentication = _NoAuthentication()


def _hide_authentication() -> None:
    # A filter is added once however often this is called.
    logging.getLogger("aiokafka.conn").addFilter(_no_authentication)


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
