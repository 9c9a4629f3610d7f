"""What surrounds a run: ``config`` prints the settings in effect, ``completion`` makes the shell know the commands."""

import os
from pathlib import Path

import click

from market_data.cli.loops import choose_loop
from market_data.cli.options import examples, with_settings
from market_data.cli.output import say
from market_data.config import load_settings, render
from market_data.factories.venues import make_engine

__all__ = ["COMPLETION_VARIABLE", "SCRIPT", "completion", "config"]

SCRIPT = "market-data"
COMPLETION_VARIABLE = "_MARKET_DATA_COMPLETE"
_SHELLS = {
    "bash": (f'eval "$({COMPLETION_VARIABLE}=bash_source {SCRIPT})"', "~/.bashrc"),
    "zsh": (f'eval "$({COMPLETION_VARIABLE}=zsh_source {SCRIPT})"', "~/.zshrc"),
    "fish": (f"{COMPLETION_VARIABLE}=fish_source {SCRIPT} | source", f"~/.config/fish/completions/{SCRIPT}.fish"),
}


@click.command(
    epilog=examples(
        "python -m app config --env production",
        "python -m app config --set kafka.compression=zstd | grep compression",
    )
)
@with_settings
def config(env: str | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Print the settings in effect, each with its origin; secrets are masked."""
    loaded = load_settings(env, config_files, overrides)
    loop, engine = choose_loop(loaded.settings.event_loop), make_engine(loaded.settings)
    for line in (*render(loaded), f"# event loop: {loop}", f"# book engine: {engine}"):
        say(line)


@click.command(
    epilog=examples(
        "market-data completion", 'eval "$(market-data completion bash)"', "market-data completion fish | source"
    )
)
@click.argument("shell", type=click.Choice(list(_SHELLS)), required=False)
def completion(shell: str | None) -> None:
    """Print what makes the shell complete the commands and options of market-data; to be put in its start-up file.

    SHELL is the one that runs you, where none is named. It completes market-data, not python -m app.
    """
    named = shell or Path(os.environ.get("SHELL", "")).name
    line, file = _SHELLS.get(named, _SHELLS["bash"])
    say(f"# in {file}")
    say(line)
