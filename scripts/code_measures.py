"""Measures of the size, documentation and wording of a folder of Python sources.

    python scripts/code_measures.py                      of the package
    python scripts/code_measures.py tests --list         and every filler binding of the tests
    python scripts/code_measures.py --compare v0.1.0     the package then and now

A filler binding is a variable or parameter whose name says nothing about what it holds, such as
`found`. Below the measures come the top-level names that several modules define, each with the
reason why, and circles of imports, those for type checking included.
"""

import argparse
import ast
import io
import statistics
import subprocess
import tempfile
import tokenize
import zipfile
from collections.abc import Sequence
from pathlib import Path

from source_tree import (
    FUNCTIONS,
    Module,
    bindings,
    circles,
    defined_twice,
    public_definitions,
    read_modules,
)

ROOT = Path(__file__).resolve().parents[1]
LONG_LINE = 100
FILLERS = frozenset({
    *("found", "given", "each", "own", "some", "more", "made", "told", "other", "others", "one"),
    *("rest", "wanted", "asked", "what", "where", "kept", "known", "most", "least"),
})  # fmt: skip
# Why several modules define a top-level name of the package.
REASONS: dict[str, str] = {
    "__all__": "the public names of a module",
    "T": "a type variable",
    "logger": "messages are logged under the name of their module",
    "main": "the entry point of a process",
    "train": "the command is called as the function that it runs",
}


def measures(modules: Sequence[Module]) -> dict[str, str]:
    """Each measure in words, with its value."""
    return {
        **file_measures(modules),
        **function_measures(modules),
        **documentation_measures(modules),
        **line_measures(modules),
        **name_measures(modules),
    }


def file_measures(modules: Sequence[Module]) -> dict[str, str]:
    lengths = [len(module.lines) for module in modules]
    return {
        "files": str(len(modules)),
        "lines": str(sum(lengths)),
        "median file, lines": f"{statistics.median(lengths):g}",
        "90 % of files, at most": f"{quantile(lengths, 0.9):g}",
        "longest file": str(max(lengths)),
    }


def function_measures(modules: Sequence[Module]) -> dict[str, str]:
    functions = [
        node for module in modules for node in ast.walk(module.tree) if isinstance(node, FUNCTIONS)
    ]
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for node in functions] or [0]
    keywords = [node for node in functions if node.args.kwarg is not None]
    return {
        "functions": str(len(functions)),
        "median function, lines": f"{statistics.median(lengths):g}",
        "90 % of functions, at most": f"{quantile(lengths, 0.9):g}",
        "95 % of functions, at most": f"{quantile(lengths, 0.95):g}",
        "longest function": str(max(lengths)),
        "functions with **kwargs": percent(len(keywords), len(functions)),
    }


def documentation_measures(modules: Sequence[Module]) -> dict[str, str]:
    public = [node for module in modules for node in public_definitions(module.tree.body)]
    classes = [node for node in public if isinstance(node, ast.ClassDef)]
    functions = [node for node in public if not isinstance(node, ast.ClassDef)]
    total = sum(len(module.lines) for module in modules)
    return {
        "public things with a docstring": percent(documented(public), len(public)),
        "public functions with a docstring": percent(documented(functions), len(functions)),
        "public classes with a docstring": percent(documented(classes), len(classes)),
        "docstring lines": percent(sum(map(docstring_lines, modules)), total),
        "comments per 100 lines": ratio(sum(map(comments, modules)), total, 100),
    }


def documented(nodes: Sequence[ast.stmt]) -> int:
    return sum(
        isinstance(node, (*FUNCTIONS, ast.ClassDef)) and ast.get_docstring(node) is not None
        for node in nodes
    )


def docstring_lines(module: Module) -> int:
    total = 0
    for node in ast.walk(module.tree):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Module)) and ast.get_docstring(node):
            text = node.body[0]
            total += (text.end_lineno or 0) - text.lineno + 1
    return total


def comments(module: Module) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def line_measures(modules: Sequence[Module]) -> dict[str, str]:
    lines = [len(line) for module in modules for line in module.lines]
    widths = [len(line) for module in modules for line in module.lines if line.strip()]
    conditionals = sum(
        isinstance(node, ast.IfExp) for module in modules for node in ast.walk(module.tree)
    )
    return {
        "mean width of lines with text": ratio(sum(widths), len(widths), 1),
        f"lines over {LONG_LINE} wide": percent(sum(w > LONG_LINE for w in widths), len(widths)),
        "conditional expressions per 1,000 lines": ratio(conditionals, len(lines), 1000),
    }


def name_measures(modules: Sequence[Module]) -> dict[str, str]:
    total = sum(1 for module in modules for _ in bindings(module))
    repeated = defined_twice(modules)
    return {
        "bindings": str(total),
        "filler bindings": str(len(filler_bindings(modules))),
        "share of filler bindings": percent(len(filler_bindings(modules)), total, digits=2),
        "names defined in several modules": str(len(repeated)),
        "places of such names": str(sum(map(len, repeated.values()))),
        "circles of imports": str(len(circles(modules))),
    }


def filler_bindings(modules: Sequence[Module]) -> list[str]:
    """Path, line and name of each."""
    return [
        f"{module.path}:{line}: {name}"
        for module in modules
        for line, name in sorted(bindings(module))
        if name in FILLERS
    ]


def filler_share(modules: Sequence[Module]) -> float:
    """Filler bindings among all bindings."""
    total = sum(1 for module in modules for _ in bindings(module))
    return len(filler_bindings(modules)) / max(total, 1)


def quantile(values: Sequence[int], share: float) -> float:
    """Interpolated between the two nearest values."""
    position = (len(values) - 1) * share
    below, ordered = int(position), sorted(values)
    above = ordered[min(below + 1, len(values) - 1)]
    return ordered[below] + (above - ordered[below]) * (position - below)


def ratio(count: int, total: int, unit: int) -> str:
    return f"{unit * count / max(total, 1):.1f}"


def percent(count: int, total: int, *, digits: int = 1) -> str:
    return f"{100 * count / max(total, 1):.{digits}f} %"


def reasons_problems(modules: Sequence[Module]) -> list[str]:
    """Names defined in several modules without a reason, and reasons without such a name."""
    repeated = defined_twice(modules)
    return [
        f"{name}: is defined in {', '.join(places)}; rename all but one, or add a reason to REASONS"
        for name, places in repeated.items()
        if name not in REASONS
    ] + [
        f"{name}: has a reason in REASONS, but no two modules define it; remove the reason"
        for name in REASONS
        if name not in repeated
    ]


def table(columns: dict[str, dict[str, str]]) -> str:
    """Markdown: a row for each measure, a column for each tree."""
    head, first = ["measure", *columns], next(iter(columns.values()))
    rows = [head, ["---"] * len(head)]
    rows += [[name, *(column[name] for column in columns.values())] for name in first]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def read_revision(revision: str, folder: Path) -> list[Module]:
    """The modules that a folder of this repository had in a revision."""
    place = folder.relative_to(ROOT).as_posix()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=zip", revision, place],
        check=True,
        capture_output=True,
    )
    with tempfile.TemporaryDirectory() as directory:
        zipfile.ZipFile(io.BytesIO(archive.stdout)).extractall(directory)
        return read_modules(Path(directory) / place)


def main() -> int:
    options = parse_arguments()
    folder = options.folder.resolve()
    modules = read_modules(folder)
    columns = {"value": measures(modules)}
    if options.compare:
        before = measures(read_revision(options.compare, folder))
        columns = {options.compare: before, "now": columns["value"]}
    print(table(columns))
    for name, places in defined_twice(modules).items():
        print(f"{name}: {', '.join(places)}: {REASONS.get(name, 'no reason given')}")
    for members in circles(modules):
        print(f"circle of imports: {', '.join(members)}")
    if options.list:
        print("\n".join(filler_bindings(modules)))
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "seq2seq")
    parser.add_argument("--compare", metavar="REV", help="also measure the folder in this revision")
    parser.add_argument("--list", action="store_true", help="list every filler binding")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
