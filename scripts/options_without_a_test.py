"""List the options that no test shows to be obeyed, and entries of tests/effects.py that are stale.

    python scripts/options_without_a_test.py

An option is shown to be obeyed by a value in `EFFECTS` of tests/effects.py that changes what a run
writes, or by the test that `SHOWN_BY` names. The exit code is 1 if anything is listed.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.effects import EFFECTS, SHOWN_BY  # noqa: E402
from tests.options import every_option  # noqa: E402


def problems() -> Iterator[str]:
    """A line for each option without a test, and for each entry without an option or a test."""
    keys = [option.key for option in every_option()]
    shown = {**dict.fromkeys(EFFECTS, ""), **SHOWN_BY}
    yield from (f"{key}: no test shows that it is obeyed" for key in keys if key not in shown)
    yield from (f"{key}: is listed, but is not an option" for key in shown if key not in keys)
    yield from (f"{key}: is listed twice" for key in EFFECTS.keys() & SHOWN_BY.keys())
    for key, test in SHOWN_BY.items():
        if not exists(test):
            yield f"{key}: there is no test {test}"


def exists(test: str) -> bool:
    """Whether there is a test "path::function" or "path::Class::function"."""
    path, *names = test.split("::")
    file = ROOT / path
    if not file.is_file():
        return False
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for name in names:
        nodes = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
        ]
        if not nodes:
            return False
        body = nodes[0].body
    return True


def main() -> None:
    lines = list(problems())
    for line in lines:
        print(line)
    print(f"{len(every_option())} options, {len(lines)} problems")
    raise SystemExit(bool(lines))


if __name__ == "__main__":
    main()
