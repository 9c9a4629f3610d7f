"""What is checked, and how: ``nox`` runs the four defaults, ``nox -l`` lists all."""

import shutil
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "imports", "tests"]
nox.options.reuse_existing_virtualenvs = True


_ON_NATIVE = (
    *("tests/unit/books", "tests/unit/domain", "tests/unit/application", "tests/unit/inputlog"),
    *("tests/unit/captures_proof", "tests/chaos/test_found.py", "tests/e2e/test_book_engine.py"),
)
"""What keeps books, on the engine that TEST_BOOK_ENGINE names."""


def _install(session: nox.Session) -> None:
    session.install("-q", "-r", "requirements-dev.lock")
    session.install("-q", "--no-deps", "-e", ".")


def _install_fast(session: nox.Session) -> None:
    """Install what makes it fast: uvloop, and the native engine where cargo is."""
    _install(session)
    session.install("-q", "-r", "requirements-fast.lock")
    if Path("native").is_dir() and shutil.which("cargo"):
        session.install("-q", "./native")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and layout."""
    _install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the program and the sandbox, strictly."""
    _install(session)
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that imports go inwards only, and the other contracts of the architecture."""
    _install(session)
    session.run("lint-imports")


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests that need no network, no Docker and no captures; those with captures run where they are."""
    _install(session)
    session.run("pytest", "-n", "3", "--dist", "loadfile", *session.posargs)


@nox.session
def loops(session: nox.Session) -> None:
    """Run the tests of all that waits for sockets and timers on uvloop; the others run on Python's own loop."""
    _install(session)
    paths = ("tests/unit/kafka", "tests/contract", "tests/e2e/test_commands.py")
    session.run(
        "pytest", "-n", "3", "--dist", "loadfile", *(session.posargs or paths), env={"TEST_EVENT_LOOP": "uvloop"}
    )


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests that need a real broker: Redpanda by testcontainers, or TEST_KAFKA_BROKERS."""
    _install(session)
    session.run("pytest", "-m", "integration", "tests/integration", *session.posargs)


@nox.session
def broker(session: nox.Session) -> None:
    """Run the tests that kill, pause and secure a broker of their own (../shared/tools/kafka-broker)."""
    _install(session)
    session.run("pytest", "-m", "broker", "tests", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it without the checkout, and use it from a project of somebody else."""
    session.install("-q", "-r", "requirements-dev.lock")
    folder = Path(session.create_tmp())
    for old in folder.glob("*.whl"):
        old.unlink()
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), ".")
    session.install("-q", "--no-deps", "--force-reinstall", *map(str, folder.glob("*.whl")))
    session.install("-q", "pyright")
    session.run("pytest", "tests/library", *session.posargs, env={"TEST_WHEEL": "1"})


@nox.session
def examples(session: nox.Session) -> None:
    """Run examples/ against the sandbox: the scripts, the notebook, and Go where it is installed."""
    session.install("-q", "-r", "requirements-examples.lock")
    session.install("-q", "--no-deps", "-e", ".")
    session.run("mypy", "examples/async_strategy.py", "examples/dataframe.py")
    session.run("pytest", "-m", "examples", "tests/examples", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """See the page in a real browser (apt-get install chromium, or CHROMIUM=its path)."""
    session.install("-q", "-r", "requirements-browser.lock")
    session.install("-q", "--no-deps", "-e", ".")
    if shutil.which("npm"):
        folder = session.create_tmp()
        session.run("npm", "install", "--silent", "--prefix", folder, "typescript@5", external=True)
        session.env["TSC"] = str(Path(folder).resolve() / "node_modules" / ".bin" / "tsc")
    session.run("pytest", "-m", "browser", "tests/browser", *session.posargs)


@nox.session
def bench_web(session: nox.Session) -> None:
    """Measure the page under load: ``nox -s bench_web -- --minutes 20``; a browser, too, where Chromium is."""
    session.install("-q", "-r", "requirements-browser.lock")
    session.install("-q", "--no-deps", "-e", ".")
    session.run("python", "-m", "tests.benchmarks.web", *session.posargs)


@nox.session
def native(session: nox.Session) -> None:
    """Build the native book engine (needs cargo), and run on it what shows that books are right."""
    _install(session)
    with session.chdir("native"):
        session.run("cargo", "fmt", "--check", external=True)
        if shutil.which("cargo-clippy"):
            session.run("cargo", "clippy", "-q", "--locked", "--all-targets", "--", "-D", "warnings", external=True)
        session.run("cargo", "test", "-q", "--locked", external=True)
    session.install("-q", "--force-reinstall", "--no-deps", "./native")
    session.run("mypy")
    session.env["TEST_BOOK_ENGINE"] = "native"
    session.run("pytest", "-n", "3", "--dist", "loadfile", *_ON_NATIVE, *session.posargs)
    session.run("python", "-m", "tests.differential", "--operations", "50000", "--seed", "1")
    session.run("python", "-m", "tests.chaos", "--engine", "native", "--schedules", "2000", "--seed", "3")


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the branches that the default tests reach; the floor is in pyproject.toml and only rises."""
    _install(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-q", "-n", "3", "--dist", "loadfile", *session.posargs)
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure all on this machine, each beside its bare cost in one run: ``nox -s bench -- --only hot_path growth``."""
    _install_fast(session)
    session.run("python", "-m", "tests.benchmarks", *session.posargs)


@nox.session
def bench_peers(session: nox.Session) -> None:
    """Measure other projects' books beside ours: cryptofeed, nautilus_trader, and where cargo is two in Rust."""
    _install_fast(session)
    peers, folder = Path("tests/benchmarks/peers"), Path(session.create_tmp()).resolve()
    workers = []
    for package in (peers / "requirements.txt").read_text(encoding="utf-8").split():
        name = package.partition("==")[0]
        python = folder / name / "bin" / "python"
        try:
            session.run("python", "-m", "venv", str(folder / name), silent=True)
            session.run(str(python), "-m", "pip", "install", "-q", package, silent=True, external=True)
        except CommandFailed:
            session.warn(f"left out: {package} cannot be installed here")
        else:
            workers.append(f"{python}={peers / f'with_{name}.py'}")
    try:
        target = {"CARGO_TARGET_DIR": str(folder / "target")}
        manifest = ("--manifest-path", str(peers / "rust" / "Cargo.toml"))
        session.run("cargo", "build", "-q", "--release", "--locked", *manifest, env=target, silent=True, external=True)
    except CommandFailed:
        session.warn("left out: barter-data and nautilus-model cannot be built here (they need cargo)")
    else:
        workers.append(str(folder / "target" / "release" / "peers"))
    session.run("python", "-m", "tests.benchmarks.peers", *workers, *session.posargs)


@nox.session
def bench_peers_kafka(session: nox.Session) -> None:
    """Measure CPU a record from socket to broker beside cryptofeed with its own Kafka sink; needs what broker needs."""
    _install_fast(session)
    peers, environment = Path("tests/benchmarks/peers"), Path(session.create_tmp()).resolve() / "cryptofeed"
    pins = [
        *(peers / "requirements.txt").read_text(encoding="utf-8").split(),
        *Path("requirements.lock").read_text().split(),
    ]
    wanted = [pin for pin in pins if pin.partition("==")[0] in {"cryptofeed", "aiokafka"}]
    python = str(environment / "bin" / "python")
    session.run("python", "-m", "venv", str(environment), silent=True)
    session.run(python, "-m", "pip", "install", "-q", *wanted, external=True)
    session.run("python", "-m", "tests.benchmarks.peers.publishing", python, *session.posargs)


@nox.session
def bench_socket(session: nox.Session) -> None:
    """Measure our transport beside httpx-ws, websockets, aiohttp and picows, on both event loops."""
    _install(session)
    session.install("-q", "aiohttp", "picows")
    session.run("python", "-m", "tests.benchmarks.sockets", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Pin every requirement anew, with hashes, for Python 3.11 and newer."""
    session.install("-q", "uv")
    dev, examples, browser = (("--group", name) for name in ("dev", "examples", "browser"))
    for extra, name in (
        ((), "requirements.lock"),
        (("--extra", "fast"), "requirements-fast.lock"),
        (dev, "requirements-dev.lock"),
        (dev + examples, "requirements-examples.lock"),
        (dev + browser, "requirements-browser.lock"),
    ):
        session.run(
            *("uv", "pip", "compile", "pyproject.toml", *extra, "--universal", "--python-version", "3.11"),
            *("--generate-hashes", "--no-emit-index-url", "--upgrade", "-q", "-o", name),
        )


@nox.session
def chaos(session: nox.Session) -> None:
    """Try generated schedules of faults against the core: ``nox -s chaos -- --schedules N --seed S``."""
    _install(session)
    session.run("python", "-m", "tests.chaos", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give every reader of outside bytes what nobody should send: ``nox -s fuzz -- --inputs N --seed S``."""
    _install(session)
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change domain and application a little; a test must notice: ``nox -s mutants -- --sample N --seed S``."""
    _install(session)
    session.run("python", "-m", "tests.chaos.planted")
    session.run("python", "-m", "tests.mutation", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run for long under mixed faults, every record compared with the truth: ``nox -s soak -- --minutes 30``."""
    _install(session)
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Kill, restart and pause a real broker under load, and verify that nothing is missing, doubled or out of order."""
    _install(session)
    session.run("python", "-m", "tests.crash", *session.posargs)


@nox.session
def many(session: nox.Session) -> None:
    """Follow hundreds of instruments of each exchange on one connection: ``nox -s many -- --seconds 600``."""
    _install(session)
    session.run("python", "-m", "tests.many", *session.posargs)


@nox.session
def observe(session: nox.Session) -> None:
    """See each alert fire and clear in a real Prometheus; needs that, and what broker needs."""
    _install(session)
    session.run("pytest", "-m", "observe", "tests/observe", *session.posargs)


@nox.session
def compose(session: nox.Session) -> None:
    """Run docker-compose's services against a sandbox; needs docker-compose and the images."""
    _install(session)
    session.run("pytest", "-m", "compose", "tests/compose", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """Make README's pictures: of the screen, always the same, and of the page, from the running demo (as browser)."""
    session.install("-q", "-r", "requirements-browser.lock")
    session.install("-q", "--no-deps", "-e", ".")
    session.run("python", "-m", "tests.screenshots")
    session.run("python", "-m", "tools.page_pictures", *session.posargs)
