"""The modules of a folder of Python sources: names they bind, define and import."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Module:
    """A source file.

    Attributes:
        name: dotted, from the folder that was read.
        path: relative to the parent of that folder.
    """

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def read_modules(folder: Path) -> list[Module]:
    """Every module below a folder, in the order of their paths."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder.parent)
        parts = place.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules.append(Module(name, place, text, ast.parse(text)))
    return modules


def is_bound(node: ast.AST) -> TypeGuard[ast.Name]:
    """Whether a node is a variable that is assigned."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def bindings(module: Module) -> Iterator[tuple[int, str]]:
    """Line and name of every variable that is assigned and every parameter."""
    for node in ast.walk(module.tree):
        if is_bound(node):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def definitions(module: Module) -> set[str]:
    """Functions, classes and variables that a module defines at its top level."""
    names = set()
    for node in module.tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            inner = (name for target in targets for name in ast.walk(target))
            names |= {name.id for name in inner if is_bound(name)}
    return names


def defined_twice(modules: Iterable[Module]) -> dict[str, list[str]]:
    """Top-level names that more than one module defines, with those modules."""
    places = defaultdict(list)
    for module in modules:
        for name in definitions(module):
            places[name].append(module.name)
    return {name: places[name] for name in sorted(places) if len(places[name]) > 1}


def public_definitions(body: Iterable[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """Functions, classes and methods without a leading underscore; none inside a function."""
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body)


def imports(module: Module, names: set[str]) -> set[str]:
    """Those of the named modules that a module imports, wherever in it, also for type checking."""
    imported = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parent = origin(module, node)
            inner = {f"{parent}.{alias.name}" for alias in node.names}
            imported |= inner & names or {parent}
            imported |= {parent} if inner - names else set()
    return imported & names - {module.name}


def origin(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name of the module that names are imported from."""
    if node.level == 0:
        return node.module or ""
    package = module.path.parent.parts
    parts = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
    return ".".join(parts)


def circles(modules: Iterable[Module]) -> list[list[str]]:
    """Sets of modules that import each other, directly or through others of the set."""
    modules = list(modules)
    names = {module.name for module in modules}
    graph = {module.name: imports(module, names) for module in modules}
    reached = {name: reachable(graph, name) for name in graph}
    sets = {
        tuple(sorted(member for member in reached[name] if name in reached[member]))
        for name in graph
        if name in reached[name]
    }
    return [list(members) for members in sorted(sets)]


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Modules that a module imports, directly or through others."""
    visited: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = graph[waiting.pop()] - visited
        visited |= fresh
        waiting.extend(fresh)
    return visited
