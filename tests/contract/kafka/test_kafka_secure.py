"""TLS, SCRAM and permissions on a real broker; the password is in no output, at any level."""

import logging
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import attrs
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from tests.contract.kafka.kafka_world import World, book, publish, read, sequences
from tests.support.brokers import free_port, missing, process_broker

from market_data.adapters.kafka.client import KafkaCluster
from market_data.adapters.kafka.security import Security
from market_data.application.ports import Delivered, Start
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import AppError, BrokerError, BrokerUnavailable, DeliveryFailed

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.broker,
    pytest.mark.timeout(90),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]

SYMBOLS = [f"S{number}-USD" for number in range(5)]
PASSWORD = "correct-h0rse-battery"  # noqa: S105 - what the tests look for in every output
ALLOW = AclPermissionType.ALLOW
WRONG = "wr0ng-h0rse-battery"


@attrs.frozen
class Secured:
    """A broker with a listener for each way in, and the files to use them."""

    folder: Path
    open_port: int
    sasl_ssl_port: int
    sasl_port: int
    ssl_port: int

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def scram(self, user: str = "market", password: str = PASSWORD, mechanism: str = "SCRAM-SHA-512") -> Security:
        return Security("SASL_SSL", mechanism, user, password, ca_file=self.ca_file)

    def world(self, security: Security, port: int | None = None, host: str = "127.0.0.1") -> World:
        brokers = f"{host}:{port or self.sasl_ssl_port}"
        return World(KafkaCluster(brokers, security=security, connect_timeout_seconds=3.0, request_timeout_seconds=3.0))

    def let_in(self, *users: str) -> None:
        """Give users a password."""
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{self.open_port}"})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            credential = ScramCredentialInfo(mechanism, 4096)
            changes = [UserScramCredentialUpsertion(user, credential, PASSWORD.encode()) for user in users]
            for made in admin.alter_user_scram_credentials(changes).values():
                made.result(20)

    def decide(self, *rights: AclBinding) -> None:
        """Give or deny permissions."""
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{self.open_port}"})
        for made in admin.create_acls(list(rights)).values():
            made.result(20)


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


def _certificates(folder: Path) -> None:
    for name in ("ca", "other"):
        made = f"-subj /CN={name} -keyout {name}.key -out {name}.pem"
        _openssl(folder, f"req -x509 -newkey rsa:2048 -nodes -days 2 {made}")
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("broker", "client"):
        _openssl(folder, f"req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        signer = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san"
        _openssl(folder, f"x509 -req -in {name}.csr {signer} -out {name}.crt")
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    _openssl(folder, f"pkcs8 -topk8 -in client.key -out client.locked.key -passout pass:{PASSWORD}")


def _properties(folder: Path, open_port: int, ports: dict[str, int]) -> list[str]:
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="{PASSWORD}";'
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    protocols = "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,BOTH:SASL_SSL,PASSWORD:SASL_PLAINTEXT,MUTUAL:SSL"
    properties = [
        f"listeners=CLIENT://127.0.0.1:{open_port},CONTROLLER://127.0.0.1:{open_port + 1},{listeners}",
        f"advertised.listeners=CLIENT://127.0.0.1:{open_port},{listeners}",
        f"listener.security.protocol.map={protocols}",
        "ssl.keystore.type=PEM",
        f"ssl.keystore.location={folder / 'broker.pem'}",
        "ssl.truststore.type=PEM",
        f"ssl.truststore.location={folder / 'ca.pem'}",
        "listener.name.mutual.ssl.client.auth=required",
        "auto.create.topics.enable=false",
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:plain;User:CN=client",
    ]
    for listener in ("both", "password"):
        properties.append(f"listener.name.{listener}.plain.sasl.jaas.config={plain}")
        properties += [
            f"listener.name.{listener}.{mechanism}.sasl.jaas.config={scram}"
            for mechanism in ("scram-sha-256", "scram-sha-512")
        ]
    return properties


def _rights(
    user: str, kind: ResourceType, name: str, *operations: AclOperation, permission: AclPermissionType = ALLOW
) -> list[AclBinding]:
    pattern = ResourcePatternType.PREFIXED
    return [AclBinding(kind, name, pattern, f"User:{user}", "*", operation, permission) for operation in operations]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    if what := missing():
        pytest.skip(f"needs a real broker as a process: {what}")
    folder = tmp_path_factory.mktemp("secured")
    _certificates(folder)
    open_port = free_port()
    ports = {"BOTH": free_port(), "PASSWORD": free_port(), "MUTUAL": free_port()}
    with process_broker(folder / "home", *_properties(folder, open_port, ports), port=open_port):
        secured = Secured(folder, open_port, *ports.values())
        secured.let_in("market", "nobody", "writer", "reader")
        topic, group = ResourceType.TOPIC, ResourceType.GROUP
        secured.decide(
            *_rights("market", topic, "books-", AclOperation.ALL),
            *_rights("market", group, "books-", AclOperation.READ),
            *_rights("writer", topic, "books-", AclOperation.WRITE, AclOperation.DESCRIBE, AclOperation.CREATE),
            *_rights("reader", topic, "books-", AclOperation.DESCRIBE),
            *_rights("reader", topic, "other-", AclOperation.WRITE),
        )
        yield secured


async def there_and_back(world: World, group: str | None = None) -> None:
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(3))
    async with world.subscriber().open(Start("earliest"), group) as subscription:
        delivered = await read(subscription, 3 * len(SYMBOLS))
    assert sequences(delivered) == {symbol: [0, 1, 2] for symbol in SYMBOLS}


@pytest.mark.parametrize(
    ("user", "mechanism"), [("market", "SCRAM-SHA-256"), ("market", "SCRAM-SHA-512"), ("plain", "PLAIN")]
)
async def test_records_go_there_and_back_over_sasl_ssl(
    secured: Secured, user: str, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        world = secured.world(secured.scram(user, mechanism=mechanism))
        await there_and_back(world, group=world.topic)
    assert PASSWORD not in caplog.text
    assert "aiokafka" in caplog.text


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_records_go_there_and_back_over_sasl_plaintext(secured: Secured, mechanism: str) -> None:
    security = Security("SASL_PLAINTEXT", mechanism, "market", PASSWORD)
    await there_and_back(secured.world(security, secured.sasl_port))


async def test_records_go_there_and_back_over_ssl_with_a_client_certificate(secured: Secured) -> None:
    security = Security("SSL", ca_file=secured.ca_file, certificate_file=secured.folder / "client.pem")
    await there_and_back(secured.world(security, secured.ssl_port))


def program(secured: Secured, port: int, topic: str, security: dict[str, str]) -> Container:
    """Put the program together as from the environment."""
    environ = {
        "KAFKA_BROKERS": f"127.0.0.1:{port}",
        "APP__KAFKA__TOPICS__BOOKS": topic,
        **{f"APP__KAFKA__SECURITY__{name.upper()}": value for name, value in security.items()},
    }
    return Container(settings=load_settings("test", (), (), environ, secured.folder).settings)


SASL = {
    "protocol": "SASL_SSL",
    "mechanism": "SCRAM-SHA-512",
    "username": "market",
    "password": PASSWORD,
    "ca_file": "ca.pem",
}
MUTUAL = {
    "protocol": "SSL",
    "ca_file": "ca.pem",
    "certificate_file": "client.crt",
    "key_file": "client.locked.key",
    "key_password": PASSWORD,
}


@pytest.mark.parametrize(
    ("security", "change"),
    [
        pytest.param(security, change, id=" ".join((security["protocol"], *change)))
        for security, changes in (
            (
                SASL,
                ({}, {"mechanism": "PLAIN"}, {"username": "stranger"}, {"password": WRONG}, {"ca_file": "other.pem"}),
            ),
            (SASL, ({"protocol": "SASL_PLAINTEXT"},)),
            (MUTUAL, ({}, {"ca_file": "other.pem"}, {"certificate_file": "broker.crt"}, {"key_file": "broker.key"})),
            (MUTUAL, ({"key_password": WRONG},)),
        )
        for change in changes
    ],
)
async def test_every_setting_of_security_has_its_effect(
    secured: Secured, security: dict[str, str], change: dict[str, str]
) -> None:
    """With all of them right records go there and back; with any one of them wrong the broker is not reached."""
    wanted = {
        name: str(secured.folder / value) if name.endswith("_file") else value
        for name, value in (security | change).items()
        if not (name == "ca_file" and "protocol" in change)
    }
    port = secured.ssl_port if security is MUTUAL else secured.sasl_ssl_port
    container = program(secured, port, f"books-{uuid.uuid4().hex[:12]}", wanted)
    if not change:
        async with container.publisher().open() as publication:
            await publish(publication, SYMBOLS, range(3))
        async with container.subscriber().open(Start("earliest"), None) as subscription:
            assert len(await read(subscription, 3 * len(SYMBOLS))) == 3 * len(SYMBOLS)
        return
    with pytest.raises(AppError, match=r"kafka\.security") as caught:
        async with container.publisher().open():
            pass
    (changed,) = change
    assert changed in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert WRONG not in str(caught.value)


async def refused(world: World, caplog: pytest.LogCaptureFixture) -> AppError:
    """Open both ways; give the error, which is the same, came quickly, is one line and holds no secret."""
    errors = []
    with caplog.at_level(logging.DEBUG):
        for opened in (world.publisher().open(), world.subscriber().open(Start("earliest"), None)):
            with anyio.fail_after(10), pytest.raises(AppError) as caught:
                async with opened:
                    pass
            errors.append(caught.value)
    one, two = errors
    assert str(one) == str(two)
    assert "\n" not in str(one)
    assert one.exit_status == 1
    everything = caplog.text + str(one) + repr(one) + str(world.telemetry)
    assert PASSWORD not in everything
    assert WRONG not in everything
    return one


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
async def test_a_wrong_password_is_told_at_once(
    secured: Secured, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = secured.world(secured.scram("market", WRONG, mechanism))
    error = await refused(world, caplog)
    assert str(error) == (
        f"Kafka at 127.0.0.1:{secured.sasl_ssl_port} refuses user market with {mechanism}: "
        "see kafka.security.username, password and mechanism"
    )
    assert not world.telemetry.warnings


async def test_an_authority_that_did_not_sign_is_told_at_once(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    security = attrs.evolve(secured.scram(), ca_file=secured.folder / "other.pem")
    error = await refused(secured.world(security), caplog)
    assert "shows a certificate that is not trusted" in str(error)
    assert "kafka.security.ca_file" in str(error)


async def test_an_address_that_is_not_in_the_certificate_is_told_at_once(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    error = await refused(secured.world(secured.scram(), host="localhost"), caplog)
    assert "not trusted" in str(error)
    assert "the address" in str(error)


async def test_a_missing_client_certificate_is_told_at_once(secured: Secured, caplog: pytest.LogCaptureFixture) -> None:
    security = Security("SSL", ca_file=secured.ca_file)
    error = await refused(secured.world(security, secured.ssl_port), caplog)
    assert "certificate_file under kafka.security" in str(error)


async def test_plaintext_to_a_listener_with_tls_is_told(secured: Secured, caplog: pytest.LogCaptureFixture) -> None:
    error = await refused(secured.world(Security()), caplog)
    assert isinstance(error, BrokerUnavailable)
    assert "kafka.security.protocol PLAINTEXT" in str(error)


async def test_tls_to_a_listener_without_is_told(secured: Secured, caplog: pytest.LogCaptureFixture) -> None:
    error = await refused(secured.world(secured.scram(), secured.open_port), caplog)
    assert "kafka.security" in str(error)


async def test_no_password_to_a_listener_that_asks_for_one_is_told(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    error = await refused(secured.world(Security("SSL", ca_file=secured.ca_file)), caplog)
    assert "kafka.security.protocol SSL" in str(error)


async def test_a_topic_that_shall_not_be_made_is_missed(secured: Secured) -> None:
    world = secured.world(secured.scram())
    world.can_create = False
    with pytest.raises(BrokerError, match=r"does not exist: create it, or set kafka\.create_topic to true"):
        async with world.publisher().open():
            pass


async def test_a_topic_that_is_deleted_is_fatal_to_its_writer_and_waited_for_by_its_reader(secured: Secured) -> None:
    """This broker makes no topic by itself, so it stays away until the next writer makes it."""
    world = secured.world(secured.scram())
    async with (
        world.publisher().open() as publication,
        world.subscriber().open(Start("earliest"), None) as subscription,
    ):
        await publish(publication, SYMBOLS, range(1))
        await read(subscription, len(SYMBOLS))
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{secured.open_port}"})
        await anyio.to_thread.run_sync(admin.delete_topics([world.topic])[world.topic].result)
        with anyio.fail_after(30), pytest.raises(DeliveryFailed, match="it is not there any more"):
            await publish(publication, SYMBOLS, range(1, 10_000))  # the broker takes some until it has deleted it
        with anyio.fail_after(30):
            while not world.telemetry.warned("the topic was deleted, waiting"):
                await subscription.receive()
        async with world.publisher().open() as next_publication:
            await publish(next_publication, SYMBOLS, range(2))
        again: list[Delivered] = []
        whole = {symbol: [0, 1] for symbol in SYMBOLS}
        with anyio.fail_after(30):  # the last records of the one that was deleted may have been fetched, and come first
            while {symbol: seen[-2:] for symbol, seen in sequences(again).items()} != whole:
                again += await subscription.receive()


async def test_a_user_who_may_not_make_the_topic_is_told(secured: Secured) -> None:
    with pytest.raises(BrokerError, match=r"does not exist and may not be made by this user: .*Create") as caught:
        async with secured.world(secured.scram("nobody")).publisher().open():
            pass
    assert caught.value.exit_status == 1


async def test_a_user_who_may_not_write_is_told(secured: Secured) -> None:
    world = secured.world(secured.scram())
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
    denied = attrs.evolve(world, cluster=attrs.evolve(world.cluster, security=secured.scram("reader")))
    async with denied.publisher().open() as publication:
        with pytest.raises(DeliveryFailed, match=r"does not allow reader to write: give it Write"):
            await publish(publication, SYMBOLS, range(1, 2))
    with pytest.raises(BrokerError, match=r"does not allow reader to read topic .*: give it Read"):
        async with denied.subscriber().open(Start("earliest"), None) as subscription:
            await read(subscription, 1)


async def test_a_user_who_may_not_use_the_group_is_told(secured: Secured) -> None:
    world = secured.world(secured.scram())
    async with world.publisher().open() as publication:
        await publication.publish([book("S0-USD", 0)])
        await publication.flush()
    with pytest.raises(BrokerError, match=r"does not allow market to use the group: give it Read"):
        async with world.subscriber().open(Start("earliest"), "strangers") as subscription:
            await read(subscription, 1)


async def test_a_user_who_may_write_nothing_at_all_is_told_at_once(secured: Secured) -> None:
    world = secured.world(secured.scram())
    async with world.publisher().open():
        pass
    secured.decide(*_rights("nobody", ResourceType.TOPIC, world.topic, AclOperation.DESCRIBE))
    denied = attrs.evolve(world, cluster=attrs.evolve(world.cluster, security=secured.scram("nobody")))
    with pytest.raises(BrokerError, match=r"does not allow nobody this: give it Describe and Write on the topic"):
        async with denied.publisher().open():
            pass


async def test_a_permission_that_is_taken_away_ends_the_publication(secured: Secured) -> None:
    world = secured.world(secured.scram("writer"))
    async with world.publisher().open() as publication:
        await publish(publication, SYMBOLS, range(1))
        secured.decide(
            *_rights("writer", ResourceType.TOPIC, world.topic, AclOperation.WRITE, permission=AclPermissionType.DENY)
        )
        with anyio.fail_after(20), pytest.raises(DeliveryFailed, match="does not allow writer to write"):
            await publish(publication, SYMBOLS, range(1, 1000))
