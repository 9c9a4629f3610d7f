"""``health``: whether a program that runs is well, for a container's health check or a person."""

from pathlib import Path

import click
import httpx

from market_data.cli.options import SECONDS, examples, with_settings
from market_data.cli.output import say
from market_data.config import Settings, load_settings
from market_data.domain.errors import AppError, UsageError
from market_data.domain.printable import shortened

__all__ = ["health"]

_HERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - who listens everywhere is asked here
_SECONDS = 5.0


@click.command(
    epilog=examples(
        "python -m app health",
        "python -m app health consume",
        "python -m app health --url http://127.0.0.1:9464/healthz",
    )
)
@with_settings
@click.argument("program", type=click.Choice(["produce", "consume"]), default="produce")
@click.option("--url", metavar="URL", help="Ask there.  [default: /readyz of metrics.listen or metrics.consume_listen]")
@click.option("--seconds", type=SECONDS, metavar="N", default=_SECONDS, show_default=True, help="How long to wait.")
def health(
    env: str | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    program: str,
    url: str | None,
    seconds: float,
) -> None:
    """Ask a running produce, or consume, whether it is well: one line, and status 0 if it is, else 1.

    Well is a producer whose instruments are all live, or known to be refused by their exchange, and whose records the
    broker acknowledges; and a consumer that reads.
    """
    where = url or _url_of(program, load_settings(env, config_files, overrides).settings)
    try:
        answer = httpx.get(where, timeout=seconds, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = str(error) or type(error).__name__
        raise AppError(f"{where} gives no answer: {problem}. Is {program} running?") from error
    said = shortened(answer.text.strip())
    if answer.status_code != httpx.codes.OK:
        raise AppError(f"{where} says {answer.status_code}: {said}")
    say(f"well: {said}")


def _url_of(program: str, settings: Settings) -> str:
    name = "listen" if program == "produce" else "consume_listen"
    address = settings.metrics.listen if program == "produce" else settings.metrics.consume_listen
    if address is None:
        raise UsageError(f"{program} cannot be asked: set metrics.{name} to host:port, for both, or give --url")
    host, _, port = address.rpartition(":")
    return f"http://{_HERE.get(host, host)}:{port}/readyz"
