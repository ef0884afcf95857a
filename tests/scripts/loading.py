"""Imports of scripts, which are not a package."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parents[2] / "scripts"


@contextmanager
def imported_script(name: str) -> Iterator[Any]:
    """The module of a script, and its neighbours importable from it as when it is run."""
    modules = set(sys.modules)
    sys.path.insert(0, str(SCRIPTS))
    try:
        specification = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module  # dataclasses look their module up
        specification.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(SCRIPTS))
        for imported in {path.stem for path in SCRIPTS.glob("*.py")} & (set(sys.modules) - modules):
            del sys.modules[imported]
