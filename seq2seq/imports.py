"""Modules of a user that register further options: `imports=[path/to/my_attention.py]`.

A module registers attention mechanisms, position schemes, kinds of source, metrics, batch
transforms and auxiliary losses (see `seq2seq.registry`). It is named by the path of its file, by a
module name, or by the name of an entry point in the group `seq2seq` of an installed package.
Importing runs the module's code: whoever names a module trusts it.
"""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from seq2seq.errors import ConfigError, UserError

ENTRY_POINTS = "seq2seq"


def import_modules(names: Iterable[str]) -> None:
    """Import each module once.

    Raises:
        ConfigError: there is no such file or module, it cannot be imported, or it registers a
            name that is in use.
    """
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise ConfigError(f"imports: must be a list of files and modules, not {names!r}")
    for name in names:
        try:
            import_module(name)
        except UserError as error:
            raise ConfigError(f"imports: {name}: {error}") from error
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise ConfigError(
                f"imports: {name} cannot be imported ({reason}); give the path of a Python file, "
                "a module name, or an entry point of an installed package"
            ) from error


def import_module(name: str) -> None:
    """Import a file, a module or an entry point."""
    if name.endswith(".py"):
        _import_file(Path(name))
        return
    points = entry_points(group=ENTRY_POINTS, name=name)
    if points:
        for point in points:
            point.load()
    else:
        importlib.import_module(name)


def absolute_names(names: Iterable[str]) -> list[str]:
    """The names with absolute paths of files, which hold in any working directory."""
    return [
        str(Path(name).expanduser().resolve()) if name.endswith(".py") else name for name in names
    ]


def imported_sha256(names: Iterable[str]) -> list[str]:
    """SHA-256 of the file of each module; empty where there is none, as of a built-in module."""
    return [_file_sha256(name) for name in names]


def _file_sha256(name: str) -> str:
    if name.endswith(".py"):
        path: str | None = str(Path(name).expanduser())
    else:
        points = entry_points(group=ENTRY_POINTS, name=name)
        module = next((point.module for point in points), name)
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            spec = None
        path = None if spec is None else spec.origin
    if path is None or not Path(path).is_file():
        return ""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _import_file(path: Path) -> None:
    path = path.expanduser().resolve()
    name = module_name(path)
    if name in sys.modules:
        return
    if not path.is_file():
        raise ConfigError("there is no such file; correct its path")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None, "a path that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def class_named(config: object, attribute: str) -> type:
    """The class that a class attribute of a configuration names.

    It is named as "package.module.Class", or as "Class" in the module of the configuration class
    that sets the attribute.

    Raises:
        ConfigError: it names no class.
    """
    path = f"{type(config).__qualname__}.{attribute}"
    place: str = getattr(config, attribute, "")
    module, _, name = place.rpartition(".")
    if not name:
        raise ConfigError(f'{path}: must name a class, as "package.module.Class"')
    if not module:
        kinds = type(config).__mro__
        module = next(kind for kind in kinds if attribute in vars(kind)).__module__
    try:
        named = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{path}: {place!r} names no class ({error})") from error
    if not isinstance(named, type):
        raise ConfigError(f"{path}: {place!r} must name a class, not {named!r}")
    return named


def module_name(path: Path) -> str:
    """The name under which a file is imported: its own, made unique by its place."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    return f"seq2seq_imports_{path.stem}_{digest}"
