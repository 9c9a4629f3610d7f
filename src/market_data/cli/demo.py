"""``demo``: everything on this machine, out of one command."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from market_data.adapters.console.plain import counted
from market_data.application.demo import Demo, DemoSettings, DemoSummary, Front
from market_data.application.tally import Tally
from market_data.cli.browsing import tell_address
from market_data.cli.loops import choose_loop
from market_data.cli.options import SECONDS, examples, motion, start_log, view_or_default, with_view
from market_data.cli.output import say
from market_data.cli.running import advice_on, run
from market_data.config import load_settings
from market_data.container import Container
from market_data.domain.errors import AppError
from market_data.domain.normalized import BookStatus
from market_data.factories.producing import make_children

__all__ = ["demo"]

_READY_SECONDS = 30.0


@click.command(
    epilog=examples(
        "python -m app demo",
        "python -m app demo --seconds 20 --view lines",
        "python -m app demo --venues all",
        "python -m app demo --faults demo --venues all",
        "python -m app demo --faults storm",
        "python -m app demo --view json | head -3",
        "python -m app demo --view web --open",
    )
)
@click.option("--seconds", type=SECONDS, metavar="N", help="End after so many seconds.")
@with_view
@click.option("--venues", metavar="VENUE,...|all", help="Exchanges to show.  [those followed by default]")
@click.option("--faults", metavar="NAME|FILE", help="Let the exchanges misbehave: see python -m sandbox --help.")
def demo(
    seconds: float | None,
    view: str | None,
    venues: str | None,
    faults: str | None,
    *,
    opens: bool,
    reduced_motion: bool,
) -> None:
    """Show exchanges' books in a minute: no internet, no Docker, no ports to choose.

    Starts invented exchanges with a broker (python -m sandbox) and a producer, and shows what comes out of it, until
    Ctrl-C. Your own settings in the environment or in .env are ignored here.
    """
    view = view_or_default(view, opens=opens)
    folder = _new_folder()
    is_over = False
    try:
        overrides = motion(reduced_motion=reduced_motion)
        summary = _run(folder, seconds, view, venues, _faults(faults), tell_address(opens=opens), overrides)
        is_over = True
    except OSError:  # nobody reads any more, or there is no room
        is_over = True
        raise
    finally:
        if is_over:  # else the logs say what went wrong
            shutil.rmtree(folder, ignore_errors=True)
    if summary is not None:
        for line in _told(summary):
            say(line, err=view == "json")


def _new_folder() -> Path:
    """Make a folder for settings and logs.

    Raises:
        AppError: there is nowhere to make one.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="market-data-demo-"))
    except OSError as error:
        if advice_on(error):
            raise
        problem = error.strerror or str(error)
        raise AppError(f"no temporary folder can be made ({problem}): set TMPDIR to a folder to write in") from error


def _run(
    folder: Path,
    seconds: float | None,
    view: str,
    venues: str | None,
    faults: tuple[str, ...],
    tell: Callable[[str], None],
    overrides: tuple[str, ...],
) -> DemoSummary | None:
    settings_file = folder / "settings.yaml"
    environ = _own_environment()
    loaded = load_settings("sandbox", environ=environ, folder=folder)
    container = Container(settings=loaded.settings)
    log = start_log(loaded, container, view)

    def make_front() -> Front:
        ours = load_settings("sandbox", [settings_file], overrides, environ=environ, folder=folder)
        front = Container(settings=ours.settings)
        front.view.override(view)
        front.tell_address.override(tell)
        front.title.override("Demo: invented prices")
        front.board.override(container.board())
        tally = Tally(front.display())
        front.display.override(tally)
        return Front(front.consumer(), tally)

    children = make_children(loaded.settings, folder, environ)
    followed = (name for name, venue in loaded.settings.venues.items() if venue.enabled)
    arguments = ("--venues", ",".join(followed) if venues is None else venues, *faults)
    settings = DemoSettings(str(settings_file), seconds, _READY_SECONDS, arguments)
    return run(
        Demo(children, make_front, container.telemetry(), settings).run, log, choose_loop(loaded.settings.event_loop)
    )


def _faults(faults: str | None) -> tuple[str, ...]:
    """Say what the exchanges do wrong; a file is looked for here and not where the child works."""
    if faults is None:
        return ()
    return ("--faults", str(Path(faults).absolute()) if Path(faults).is_file() else faults)


def _own_environment() -> Mapping[str, str]:
    """Give the environment without what would lead elsewhere; paths stay right in another working folder."""
    environ = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith("APP_") and name not in ("KAFKA_BROKERS", "LOG_LEVEL")
    }
    if path := environ.get("PYTHONPATH"):
        environ["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in path.split(os.pathsep))
    return environ


def _told(summary: DemoSummary) -> list[str]:
    proof, seen = summary.proof, counted(summary.records, "record")
    if not summary.records:
        return ["it ended before anything was read"]
    verdict = "order proven by contiguous publish_seq" if proof.is_proven else "ORDER NOT PROVEN"
    return [
        f"{seen} of {counted(summary.instruments, 'instrument')} in {summary.seconds:.1f} s",
        f"{verdict}: {counted(proof.holes, 'hole')}, {proof.doubles} doubled, {proof.disorder} out of order",
        f"{_troubles(summary)}, worst age {summary.worst_age_seconds:.3f} s",
    ]


def _troubles(summary: DemoSummary) -> str:
    """Count gaps, and what else was not live, by the words of the lines."""
    others = [status for status in (BookStatus.STALE, BookStatus.DISCONNECTED) if summary.entries[status]]
    told = [counted(summary.entries[BookStatus.GAP], "gap")]
    return ", ".join(told + [f"{summary.entries[status]:,} {status}" for status in others])
