"""``config``: the settings in effect."""

from pathlib import Path

import click

from app.cli.options import examples, with_settings
from app.config import load_settings, render

__all__ = ["config"]


@click.command(
    epilog=examples(
        "python -m app config --env production",
        "python -m app config --set kafka.compression=zstd | grep compression",
    )
)
@with_settings
def config(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Print the settings in effect, each with its origin; secrets are masked."""
    for line in render(load_settings(env, config_files, overrides)):
        click.echo(line)
