"""Encryption and authentication in the words of the client library, and secrets that stay out of sight."""

import logging
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from aiokafka.protocol.admin import SaslAuthenticateRequest_v0

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.security import Security
from market_data.domain.errors import UsageError

_SECRET = "s3cret-Pa55"  # noqa: S105
_KEY_SECRET = "k3y-s3cret"  # noqa: S105

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate, signed by itself, whose key is locked; give their folder."""
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey rsa:2048 -days 2 -subj /CN=localhost -keyout key.pem -out certificate.pem"
    command += f" -passout pass:{_KEY_SECRET}"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


def test_plaintext_is_the_default_and_needs_nothing_else() -> None:
    assert Security().arguments() == {"security_protocol": "PLAINTEXT"}


def test_scram_is_passed_on() -> None:
    security = Security("SASL_PLAINTEXT", "SCRAM-SHA-512", "market", _SECRET)
    assert security.arguments() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "market",
        "sasl_plain_password": _SECRET,
    }


def test_tls_checks_certificate_and_host_name() -> None:
    context = Security("SSL").arguments()["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@needs_openssl
def test_a_ca_file_replaces_the_authorities_of_the_system(certificate: Path) -> None:
    context = Security("SSL", ca_file=certificate / "certificate.pem").arguments()["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert [entity["subject"] for entity in context.get_ca_certs()] == [((("commonName", "localhost"),),)]


@needs_openssl
def test_a_client_certificate_is_loaded_with_its_locked_key(certificate: Path) -> None:
    files = {"certificate_file": certificate / "certificate.pem", "key_file": certificate / "key.pem"}
    assert Security("SSL", **files, key_password=_KEY_SECRET).arguments()["ssl_context"]


@needs_openssl
@pytest.mark.parametrize("password", [None, "wrong"], ids=["no password", "a wrong password"])
def test_a_locked_key_is_refused_without_asking_on_the_terminal(certificate: Path, password: str | None) -> None:
    files = {"certificate_file": certificate / "certificate.pem", "key_file": certificate / "key.pem"}
    with pytest.raises(UsageError, match=r"kafka\.security\.certificate_file: .*key_password"):
        Security("SSL", **files, key_password=password).arguments()


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["no file", "another file"])
def test_a_ca_file_that_can_not_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"kafka\.security\.ca_file: .*ca\.pem cannot be used"):
        Security("SSL", ca_file=file).arguments()


def test_secrets_are_not_in_the_text_of_the_settings() -> None:
    security = Security("SASL_SSL", "PLAIN", "market", _SECRET, key_password=_KEY_SECRET)
    text = repr(KafkaCluster("localhost:9092", security=security))
    assert "market" in text
    assert _SECRET not in text
    assert _KEY_SECRET not in text


def test_requests_that_hold_the_password_are_kept_out_of_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    Security("SASL_PLAINTEXT", "PLAIN", "market", _SECRET).arguments()
    log = logging.getLogger("aiokafka.conn")
    with caplog.at_level(logging.DEBUG, "aiokafka.conn"):
        request = SaslAuthenticateRequest_v0(f"\0market\0{_SECRET}".encode())
        log.debug("Request to %s:%d %d: %s", "localhost", 9092, 1, request)
        log.debug("Request to %s:%d %d: %s", "localhost", 9092, 2, "MetadataRequest")
    assert "MetadataRequest" in caplog.text
    assert _SECRET not in caplog.text
