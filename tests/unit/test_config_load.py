"""Which source wins, what each may hold, and what is told when it is wrong."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.config import LoadedSettings, LogLevel, OutboxPolicy, SettingsError, load_settings

REPOSITORY = Path(__file__).parents[2]


class Folder:
    """A working folder with the project's own base file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("config/base.yaml", (REPOSITORY / "config/base.yaml").read_text())
        self.write("config/local.yaml", "")

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def load(
        self,
        *overrides: str,
        env: str | None = None,
        files: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> LoadedSettings:
        return load_settings(env, [Path(file) for file in files], overrides, environ or {}, self.path)

    def faults(self, *overrides: str, env: str | None = None, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            self.load(*overrides, env=env, environ=environ)
        return str(caught.value).splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


class TestOrder:
    def test_each_source_wins_over_those_below_it(self, folder: Folder) -> None:
        names = ("local", "first", "second", ".env", "environment", "set")
        for count in range(1, len(names) + 1):
            present = names[:count]
            folder.write("config/local.yaml", "kafka: {client_id: local}")
            folder.write("first.yaml", "kafka: {client_id: first}")
            folder.write("second.yaml", "kafka: {client_id: second}")
            folder.write(".env", "APP__KAFKA__CLIENT_ID=.env" if ".env" in present else "")
            loaded = folder.load(
                *(["kafka.client_id=set"] if "set" in present else []),
                files=[f"{name}.yaml" for name in ("first", "second") if name in present],
                environ={"APP__KAFKA__CLIENT_ID": "environment"} if "environment" in present else {},
            )
            assert loaded.settings.kafka.client_id == present[-1]

    @pytest.mark.parametrize(("name", "level"), [("WARN", "WARNING"), ("FATAL", "CRITICAL"), ("WARNING", "WARNING")])
    def test_a_log_level_may_be_called_as_others_call_it(self, folder: Folder, name: str, level: str) -> None:
        assert folder.load(environ={"LOG_LEVEL": name}).settings.log.level == level

    def test_the_origin_of_a_value_is_where_it_was_written(self, folder: Folder) -> None:
        folder.write("config/local.yaml", "\nreconnect:\n  jitter: 0.1\n")
        folder.write("more.yaml", "log: {format: json}")
        folder.write(".env", "# comment\nLOG_LEVEL=DEBUG\n")
        loaded = folder.load(
            "view.refresh_per_second=8",
            files=["more.yaml"],
            environ={"APP__OUTBOX__MAX_RECORDS": "7", "KAFKA_BROKERS": "a:1"},
        )

        origins = loaded.origins
        assert origins["kafka.client_id"].startswith("config/base.yaml:")
        assert origins["reconnect.jitter"] == "config/local.yaml:3"
        assert origins["log.format"] == "more.yaml:1"
        assert origins["log.level"] == ".env:2"
        assert origins["outbox.max_records"] == "environment APP__OUTBOX__MAX_RECORDS"
        assert origins["kafka.brokers"] == "environment KAFKA_BROKERS"
        assert origins["view.refresh_per_second"] == "--set"

    def test_a_later_override_wins(self, folder: Folder) -> None:
        assert folder.load("book.depth=5", "book.depth=6").settings.book.depth == 6

    def test_a_file_outside_of_the_working_folder_keeps_its_whole_name(
        self, folder: Folder, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        file = tmp_path_factory.mktemp("elsewhere") / "sandbox.yaml"
        file.write_text("book: {depth: 3}")

        assert folder.load(files=[str(file)]).origins["book.depth"] == f"{file}:1"

    def test_the_real_environment_wins_over_dotenv(self, folder: Folder) -> None:
        folder.write(".env", "KAFKA_BROKERS=file:1\nLOG_LEVEL=ERROR")

        loaded = folder.load(environ={"KAFKA_BROKERS": "real:1"})

        assert loaded.settings.kafka.brokers == ("real:1",)
        assert loaded.settings.log.level is LogLevel.ERROR

    def test_the_exact_variable_wins_over_the_short_one(self, folder: Folder) -> None:
        environ = {"KAFKA_BROKERS": "short:1", "APP__KAFKA__BROKERS": "exact:1"}

        assert folder.load(environ=environ).settings.kafka.brokers == ("exact:1",)

    def test_an_empty_short_variable_counts_as_not_set(self, folder: Folder) -> None:
        loaded = folder.load(environ={"KAFKA_BROKERS": "", "LOG_LEVEL": "", "APP_ENV": ""})

        assert loaded.settings.kafka.brokers == ("localhost:19092",)
        assert loaded.environment == "local"


class TestEnvironmentName:
    @pytest.fixture(autouse=True)
    def _names(self, folder: Folder) -> None:
        for depth, name in enumerate(("local", "staging", "production"), 1):
            folder.write(f"config/{name}.yaml", f"book: {{depth: {depth}}}")

    def test_it_is_local_by_default(self, folder: Folder) -> None:
        loaded = folder.load()

        assert (loaded.environment, loaded.settings.book.depth) == ("local", 1)

    def test_app_env_tells_it(self, folder: Folder) -> None:
        assert folder.load(environ={"APP_ENV": "staging"}).environment == "staging"

    def test_app_env_in_dotenv_tells_it(self, folder: Folder) -> None:
        folder.write(".env", "APP_ENV=staging")

        assert folder.load().settings.book.depth == 2

    def test_the_argument_wins(self, folder: Folder) -> None:
        assert folder.load(env="production", environ={"APP_ENV": "staging"}).settings.book.depth == 3

    @pytest.mark.parametrize(
        ("env", "environ", "told"),
        [
            pytest.param("stagin", {}, "--env: unknown environment 'stagin' (did you mean staging?)", id="misspelt"),
            pytest.param("base", {}, "--env: unknown environment 'base'", id="base is no environment"),
            pytest.param("../local", {}, "--env: unknown environment '../local'", id="a path"),
            pytest.param("", {}, "--env: unknown environment ''", id="empty"),
            pytest.param(None, {"APP_ENV": "x"}, "environment APP_ENV: unknown environment 'x'", id="from APP_ENV"),
        ],
    )
    def test_an_unknown_one_is_refused(
        self, folder: Folder, env: str | None, environ: Mapping[str, str], told: str
    ) -> None:
        (fault,) = folder.faults(env=env, environ=environ)

        assert fault.startswith(told)
        assert fault.endswith("expected one of local, production, staging")


class TestFolder:
    def test_without_a_folder_of_its_own_the_project_s_is_used(self, tmp_path: Path) -> None:
        loaded = load_settings("test", environ={}, folder=tmp_path)

        assert loaded.origins["kafka.brokers"].startswith(str(REPOSITORY / "config/test.yaml"))

    def test_a_folder_named_config_of_something_else_is_passed_over(self, tmp_path: Path) -> None:
        (tmp_path / "config").mkdir()

        assert load_settings("test", environ={}, folder=tmp_path).environment == "test"

    def test_a_missing_file_of_the_command_line_is_told(self, folder: Folder) -> None:
        with pytest.raises(SettingsError, match=r"^no\.yaml: cannot be read \(No such file or directory\)$"):
            folder.load(files=["no.yaml"])

    def test_all_unreadable_files_are_told_at_once(self, folder: Folder) -> None:
        folder.write("config/local.yaml", "a: [")
        folder.write("more.yaml", "- a")

        with pytest.raises(SettingsError) as caught:
            folder.load(files=["more.yaml", "none.yaml"])

        assert [fault.origin.name for fault in caught.value.faults] == ["config/local.yaml", "more.yaml", "none.yaml"]

    def test_what_is_wrong_elsewhere_is_told_beside_what_can_not_be_read(self, folder: Folder) -> None:
        folder.write(".env", "no such line\nLOG_LEVEL=chatty\n")
        folder.write("broken.yaml", "a: [")
        folder.write("bad.yaml", "book:\n  depth: deep\n")

        with pytest.raises(SettingsError) as caught:
            folder.load("book.dept=5", env="nope", files=["broken.yaml", "bad.yaml"], environ={"APP__BOOK__DEPHT": "7"})

        assert [fault.origin.name for fault in caught.value.faults] == [
            "--env", "--set", ".env", ".env", "bad.yaml", "broken.yaml", "environment APP__BOOK__DEPHT",
        ]  # fmt: skip


class TestVariables:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            pytest.param("APP__BOOK__DEPTH", "5", 5, id="whole number"),
            pytest.param("APP__BOOK__HEARTBEAT_SECONDS", "0.25", 0.25, id="fraction"),
            pytest.param("APP__KAFKA__CREATE_TOPIC", "false", False, id="boolean"),
            pytest.param("APP__OUTBOX__POLICY", "block", OutboxPolicy.BLOCK, id="word"),
            pytest.param("APP__KAFKA__CLIENT_ID", "007", "007", id="text that looks like a number"),
            pytest.param("APP__KAFKA__CLIENT_ID", "a: 'b' # c", "a: 'b' # c", id="text that looks like YAML"),
            pytest.param("APP__KAFKA__CONSUMER__GROUP", "12", "12", id="text that may be null"),
            pytest.param("APP__KAFKA__CONSUMER__GROUP", "", None, id="empty is null where null may be"),
            pytest.param("APP__KAFKA__CONSUMER__GROUP", "null", None, id="null"),
            pytest.param("APP__KAFKA__BROKERS", "a:1, b:2", ("a:1", "b:2"), id="brokers"),
            pytest.param("APP__VENUES__BINANCE_US__INSTRUMENTS", "[A-B, C-D]", ("A-B", "C-D"), id="list"),
        ],
    )
    def test_any_setting_can_be_a_variable(self, folder: Folder, name: str, text: str, value: object) -> None:
        found: object = folder.load(environ={name: text}).settings
        for part in name.removeprefix("APP__").lower().split("__"):
            found = found[part] if isinstance(found, Mapping) else getattr(found, part)

        assert found == value

    def test_a_whole_section_can_be_a_variable(self, folder: Folder) -> None:
        environ = {"APP__RECONNECT": "{jitter: 0.5, backoff_multiplier: 3}"}

        reconnect = folder.load(environ=environ).settings.reconnect

        assert (reconnect.jitter, reconnect.backoff_multiplier, reconnect.max_backoff_seconds) == (0.5, 3, 30)

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            pytest.param(
                "APP__KAFKA__BROKRES", "kafka.brokres: unknown setting (did you mean APP__KAFKA__BROKERS?)", id="leaf"
            ),
            pytest.param(
                "APP__KAFAK__BROKERS",
                "kafak.brokers: unknown setting (did you mean APP__KAFKA__BROKERS?)",
                id="section",
            ),
            pytest.param(
                "APP__KAFKA_BROKERS", "kafka_brokers: unknown setting (did you mean APP__KAFKA__BROKERS?)", id="one _"
            ),
            pytest.param("APP_KAFKA_BROKERS", "unknown setting (did you mean APP__KAFKA__BROKERS?)", id="no double _"),
            pytest.param(
                "APP_KAFKA__BROKERS", "unknown setting (did you mean APP__KAFKA__BROKERS?)", id="one _ in front"
            ),
            pytest.param(
                "APP__KAFAK__BROKRES", "kafak.brokres: unknown setting (did you mean APP__KAFKA__BROKERS?)", id="both"
            ),
            pytest.param("APP__KAFAK__Q", "kafak.q: unknown setting (did you mean APP__KAFKA?)", id="section only"),
            pytest.param("APP__QQQQ", "qqqq: unknown setting", id="nothing near"),
            pytest.param("APP__", "unknown setting", id="no name"),
            pytest.param(
                "APP__BOOK__DEPTH__X", "book.depth.x: unknown setting (did you mean APP__BOOK__DEPTH?)", id="too deep"
            ),
        ],
    )
    def test_a_misspelt_variable_is_refused_with_the_nearest_right_name(
        self, folder: Folder, name: str, told: str
    ) -> None:
        assert folder.faults(environ={name: "x:1"}) == [f"environment {name}: {told}"]

    @pytest.mark.parametrize("name", ["APP_ENV", "APP_NAME", "APP_PORT", "APP_LOG", "APPLICATION", "KAFKA_HOME"])
    def test_variables_of_other_programs_are_no_settings(self, folder: Folder, name: str) -> None:
        assert folder.load(environ={name: "local"}).environment == "local"

    def test_unreadable_yaml_in_a_variable_is_told(self, folder: Folder) -> None:
        (fault,) = folder.faults(environ={"APP__BOOK__DEPTH": "[5"})

        assert fault.startswith("environment APP__BOOK__DEPTH: book.depth: unreadable YAML: ")

    def test_the_environment_is_left_as_it_was(self, folder: Folder) -> None:
        folder.write(".env", "KAFKA_BROKERS=a:1")
        environ = {"LOG_LEVEL": "ERROR"}

        folder.load(environ=environ)

        assert environ == {"LOG_LEVEL": "ERROR"}


class TestDotenv:
    def test_quotes_comments_and_export_are_understood_and_dollars_are_not(self, folder: Folder) -> None:
        folder.write(".env", "export APP__KAFKA__CLIENT_ID='a $HOME' # why\n\nUNRELATED=1\nEMPTY\n")

        assert folder.load().settings.kafka.client_id == "a $HOME"

    def test_a_line_that_can_not_be_read_is_told(self, folder: Folder) -> None:
        folder.write(".env", "LOG_LEVEL=INFO\n=what\n'x\n")

        assert folder.faults() == [".env:2: expected NAME=text", ".env:3: expected NAME=text"]

    def test_a_misspelt_variable_is_told_with_its_line(self, folder: Folder) -> None:
        folder.write(".env", "# why\nLOG_LEVEL=INFO\n\n  \nAPP__LOG__LEVLE=INFO")

        assert folder.faults() == [".env:5: log.levle: unknown setting (did you mean APP__LOG__LEVEL?)"]

    def test_bytes_that_are_no_text_are_told(self, folder: Folder) -> None:
        (folder.path / ".env").write_bytes(b"A=\xff")

        assert folder.faults() == [".env: cannot be read (expected UTF-8 text)"]


class TestOverrides:
    @pytest.mark.parametrize(
        ("text", "path", "value"),
        [
            pytest.param("kafka.client_id=a=b", "client_id", "a=b", id="an equals sign in the value"),
            pytest.param("kafka.client_id=5", "client_id", "5", id="text that looks like a number"),
            pytest.param("kafka.brokers=a:1,b:2", "brokers", ("a:1", "b:2"), id="brokers as text"),
            pytest.param("kafka.partitions=3", "partitions", 3, id="number"),
        ],
    )
    def test_a_value_is_set(self, folder: Folder, text: str, path: str, value: object) -> None:
        assert getattr(folder.load(text).settings.kafka, path) == value

    def test_a_map_merges(self, folder: Folder) -> None:
        venue = folder.load("venues.binance={enabled: false, instruments: [A-B]}").settings.venues["binance"]

        assert (venue.enabled, venue.instruments, venue.dialect) == (False, ("A-B",), "binance")

    def test_null_is_set(self, folder: Folder) -> None:
        folder.write("config/local.yaml", "kafka: {consumer: {group: mine}}")

        assert folder.load("kafka.consumer.group=null").settings.kafka.consumer.group is None

    @pytest.mark.parametrize("text", ["kafka.partitions", "=5", "kafka..x=1", ".=1", ""])
    def test_what_is_no_assignment_is_refused(self, folder: Folder, text: str) -> None:
        assert folder.faults(text) == ["--set: expected path.to.key=value, such as log.level=DEBUG"]

    def test_an_unknown_path_is_refused_with_the_nearest(self, folder: Folder) -> None:
        told = "--set: kafka.linger_miliseconds: unknown setting (did you mean kafka.linger_milliseconds?)"

        assert folder.faults("kafka.linger_miliseconds=2") == [told]

    def test_a_fault_inside_of_a_map_is_told(self, folder: Folder) -> None:
        told = "--set: venues.binance.instruments[1]: expected an instrument BASE-QUOTE, such as BTC-USDT, received 5"

        assert folder.faults("venues.binance={instruments: [A-B, 5]}") == [told]


class TestSecrets:
    SECURE = ("kafka.security={protocol: SASL_SSL, mechanism: PLAIN, username: me}",)

    def test_a_secret_comes_from_the_environment(self, folder: Folder) -> None:
        loaded = folder.load(*self.SECURE, environ={"APP__KAFKA__SECURITY__PASSWORD": "a: #b"})

        password = loaded.settings.kafka.security.password
        assert password is not None
        assert password.reveal() == "a: #b"
        assert "a: #b" not in repr(loaded)

    def test_a_secret_comes_from_dotenv(self, folder: Folder) -> None:
        folder.write(".env", "APP__KAFKA__SECURITY__PASSWORD=hunter2")

        password = folder.load(*self.SECURE).settings.kafka.security.password

        assert password is not None
        assert password.reveal() == "hunter2"

    @pytest.mark.parametrize("value", ["hunter2", "123", "[hunter2]", "{hunter2: 1}", '""'])
    def test_a_secret_in_a_file_is_refused_and_not_shown(self, folder: Folder, value: str) -> None:
        folder.write("config/local.yaml", f"kafka:\n  security:\n    key_password: {value}\n")

        assert folder.faults() == [
            (
                "config/local.yaml:3: kafka.security.key_password: a secret does not belong here: "
                "set APP__KAFKA__SECURITY__KEY_PASSWORD in the environment or .env"
            )
        ]

    @pytest.mark.parametrize("text", ["kafka.security.password=hunter2", "kafka.security={password: hunter2}"])
    def test_a_secret_on_the_command_line_is_refused_and_not_shown(self, folder: Folder, text: str) -> None:
        (fault,) = folder.faults(text)

        assert fault.startswith("--set: kafka.security.password: a secret does not belong here: ")
        assert "hunter2" not in fault

    @pytest.mark.parametrize(
        "environ",
        [
            pytest.param({"APP__KAFKA__SECURITY": "{password: [hunter2]}"}, id="list"),
            pytest.param({"APP__KAFKA__SECURITY": "{password: 1234567, username: hunter2}"}, id="number"),
            pytest.param({"APP__KAFKA__SECURITY": "{pasword: hunter2}"}, id="misspelt in a map"),
            pytest.param({"APP__KAFKA__SECURITY__PASWORD": "hunter2"}, id="misspelt"),
            pytest.param({"APP__KAFKA__SECURITY": "{password: hunter2, }}"}, id="unreadable"),
            pytest.param({"APP__KAFKA__SECURITY__PASSWORD": "hunter2"}, id="with a protocol that sends none"),
        ],
    )
    def test_a_secret_is_in_no_fault(self, folder: Folder, environ: Mapping[str, str]) -> None:
        told = "\n".join(folder.faults(environ=environ))

        assert "hunter2" not in told
        assert "1234567" not in told

    def test_the_password_of_a_key_needs_a_certificate(self, folder: Folder) -> None:
        environ = {"APP__KAFKA__SECURITY__KEY_PASSWORD": "hunter2", "APP__KAFKA__SECURITY__PROTOCOL": "SSL"}

        (fault,) = folder.faults(environ=environ)

        assert fault.endswith("kafka.security.certificate_file: missing, key_password needs it")


def trees() -> st.SearchStrategy[object]:
    base = yaml.safe_load((REPOSITORY / "config/base.yaml").read_text())
    names = st.sampled_from(sorted(set(_names_in(base)))) | st.text(max_size=5)
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=4))


def _names_in(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        for name, below in tree.items():
            yield name
            yield from _names_in(below)


anything = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@anything
@given(st.text())
def test_any_text_as_a_file_gives_settings_or_a_settings_error(folder: Folder, text: str) -> None:
    (folder.path / "config/local.yaml").write_bytes(text.encode(errors="surrogatepass"))
    with contextlib.suppress(SettingsError):
        folder.load()


@anything
@given(st.dictionaries(st.sampled_from(("venues", "kafka", "book", "log", "reconnect", "outbox")), trees()))
def test_any_tree_as_a_file_gives_settings_or_a_settings_error(folder: Folder, tree: object) -> None:
    folder.write("config/local.yaml", yaml.safe_dump(tree, allow_unicode=False))
    with contextlib.suppress(SettingsError):
        folder.load()


@anything
@given(
    st.text(),
    st.sampled_from(("KAFKA_BROKERS", "LOG_LEVEL", "APP__BOOK", "APP__VENUES__X", "APP__KAFKA__SECURITY__CA_FILE")),
)
def test_any_text_in_a_variable_gives_settings_or_a_settings_error(folder: Folder, text: str, name: str) -> None:
    with contextlib.suppress(SettingsError):
        folder.load(environ={name: text})


@anything
@given(st.binary())
def test_any_bytes_as_dotenv_give_settings_or_a_settings_error(folder: Folder, content: bytes) -> None:
    (folder.path / ".env").write_bytes(content)
    with contextlib.suppress(SettingsError):
        folder.load()
