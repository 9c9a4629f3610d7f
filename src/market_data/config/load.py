"""Where settings come from, and which of them wins.

From the lowest to the highest: `base.yaml`, the environment's own file, `--config` files in their order, `.env`,
environment variables, `--set`. Maps merge, lists replace.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from market_data.config.faults import Fault, Origin, SettingsError
from market_data.config.kinds import did_you_mean
from market_data.config.layers import Layer, overlay, read_file
from market_data.config.schema import walk
from market_data.config.settings import Settings
from market_data.config.sources import Variable, from_options, from_variables, read_variables, without_secrets
from market_data.config.structure import structured

__all__ = ["DEFAULT_ENVIRONMENT", "LoadedSettings", "find_folder", "load_defaults", "load_settings"]

DEFAULT_ENVIRONMENT = "local"
_BASE = "base.yaml"
_OURS = (Path(__file__).parent / "files", Path(__file__).parents[3] / "config")
"""Where the defaults lie: in the installed package, or in a checkout beside the sources."""


@attrs.frozen
class LoadedSettings:
    """Settings, and how they came about.

    Attributes:
        environment: The name that chose a file: `local`.
        settings: What the program is built from.
        origins: For the dotted path of each setting, where its value was written: `config/base.yaml:12`, `.env:3`,
            `environment APP__KAFKA__BROKERS` or `--set`.

    """

    environment: str
    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    env: str | None = None,
    config_files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> LoadedSettings:
    """Read, merge and check all sources.

    Args:
        env: Name of the environment; without one `APP_ENV` tells it, else it is `local`.
        config_files: Files to lay over the environment's file, later ones higher.
        overrides: `path.to.key=value`, each laid over all else.
        environ: Environment variables.
        folder: The working folder, where `.env` and, first of all, `config` are looked for; by default the current one.

    Raises:
        SettingsError: With every fault of every source.

    """
    working = folder or _working_folder()
    variables, broken = read_variables(environ, working / ".env")
    environment, origin = _environment(env, variables)
    layer = overlay(_files(find_folder(working), environment, origin, config_files, working), broken)
    layer = overlay(layer, from_variables(variables, layer.values))
    layer = overlay(layer, from_options(overrides, layer.values))
    return _loaded(environment, layer)


def load_defaults(config_files: Sequence[Path] = (), overrides: Sequence[str] = ()) -> LoadedSettings:
    """Take the defaults that come with the program, these files and overrides, and nothing of the surroundings.

    Raises:
        SettingsError: With every fault of every source.

    """
    folder = next(folder for folder in _OURS if (folder / _BASE).is_file())
    layer = _files(folder, DEFAULT_ENVIRONMENT, Origin("default"), config_files, Path.cwd())
    return _loaded(DEFAULT_ENVIRONMENT, overlay(layer, from_options(overrides, layer.values)))


def _loaded(environment: str, layer: Layer) -> LoadedSettings:
    settings = structured(layer)
    paths = [path for path, entry in walk(settings) if not entry.is_section]
    return LoadedSettings(environment, settings, {".".join(path): str(layer.origin_of(path)) for path in paths})


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        message = "it no longer exists, change to another one"
        raise SettingsError([Fault(Origin("the working folder"), "", message)]) from error


def find_folder(working: Path) -> Path:
    """Find the folder of the settings files: in the working folder, in the installed package, or beside the sources."""
    folders = (working / "config", *_OURS)
    for folder in folders:
        if (folder / _BASE).is_file():
            return folder
    message = f"not found in {', '.join(str(folder) for folder in folders)}"
    raise SettingsError([Fault(Origin(f"config/{_BASE}"), "", message)])


def _environment(env: str | None, variables: Mapping[str, Variable]) -> tuple[str, Origin]:
    if env is not None:
        return env, Origin("--env")
    variable = variables.get("APP_ENV")
    if variable is not None and variable.text:
        return variable.text, variable.origin
    return DEFAULT_ENVIRONMENT, Origin("default")


def _files(folder: Path, environment: str, origin: Origin, config_files: Sequence[Path], working: Path) -> Layer:
    known = sorted(file.stem for file in folder.glob("*.yaml") if file.name != _BASE)
    files = [working / file for file in config_files]
    layer = without_secrets(read_file(folder / _BASE, _name(folder / _BASE, working)))
    if environment in known:
        files.insert(0, folder / f"{environment}.yaml")
    else:
        hint = did_you_mean(environment, known)
        message = f"unknown environment {environment!r}{hint}, expected one of {', '.join(known)}"
        layer = overlay(layer, Layer(faults=(Fault(origin, "", message),)))
    for file in files:
        try:
            found = without_secrets(read_file(file, _name(file, working)))
        except SettingsError as error:
            found = Layer(faults=error.faults)
        layer = overlay(layer, found)
    return layer


def _name(file: Path, working: Path) -> str:
    return str(file.relative_to(working)) if file.is_relative_to(working) else str(file)
