"""Break the code in known ways and show that the tests of attention notice each change.

    python scripts/planted_bugs.py [name ...]

The bugs are listed in `scripts/planted/`. Each is planted in a copy of the package in a temporary
directory, where its tests run until the first failure. First the tests run on the unchanged copy,
where they must pass. The exit code is 1 if no test notices a bug, or if a change no longer fits the
source.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from planted.bug import Bug
from planted.controls import CONTROL_BUGS
from planted.mechanisms import MECHANISM_BUGS
from planted.modifiers import MODIFIER_BUGS
from planted.recurrences import RECURRENCE_BUGS
from planted.shared import SHARED_BUGS

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("seq2seq", "conf", "tests/attention", "tests/position")
BUGS = [*SHARED_BUGS, *MECHANISM_BUGS, *CONTROL_BUGS, *RECURRENCE_BUGS, *MODIFIER_BUGS]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help="plant these bugs alone")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="bugs tried at the same time"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {bug.name for bug in BUGS}
    if unknown:
        legal = ", ".join(bug.name for bug in BUGS)
        parser.error(f"no bug is called {', '.join(sorted(unknown))}; choose from {legal}")
    bugs = [bug for bug in BUGS if not arguments.names or bug.name in arguments.names]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        print(f"{len(bugs)} bugs; first the tests on unchanged code", flush=True)
        if not unchanged_passes(Path(folder) / "unchanged", bugs):
            return 1
        results = pool.map(lambda bug: plant(bug, Path(folder) / bug.name), bugs)
        survivors = [
            bug.name for bug, is_caught in zip(bugs, results, strict=True) if not is_caught
        ]
    seconds = time.monotonic() - start
    print(f"{len(bugs) - len(survivors)} of {len(bugs)} bugs caught in {seconds:.0f} s")
    if survivors:
        print(f"SURVIVED: {', '.join(survivors)}")
    return 1 if survivors else 0


def unchanged_passes(folder: Path, bugs: list[Bug]) -> bool:
    """Whether the tests of the bugs pass on an unchanged copy, and run the code of the copy."""
    copy_package(folder)
    code = "import seq2seq, pathlib; print(pathlib.Path(seq2seq.__file__).resolve().parent.parent)"
    imported = run([sys.executable, "-c", code], folder).stdout.strip()
    if Path(imported) != folder.resolve():
        print(f"tests in {folder} would run the code in {imported}", file=sys.stderr)
        return False
    for tests in sorted({bug.tests for bug in bugs}):
        selections = [bug.selection for bug in bugs if bug.tests == tests and bug.selection]
        result = run_tests(tests, " or ".join(f"({item})" for item in selections), folder)
        print(f"          {tests}: {result.stdout.strip().splitlines()[-1]}", flush=True)
        if result.returncode != 0:
            print(result.stdout, file=sys.stderr)
            return False
    return True


def plant(bug: Bug, folder: Path) -> bool:
    """Plant a bug in a copy and run its tests; prints and returns whether one fails."""
    is_caught, message = caught_by(bug, folder)
    verdict = "caught" if is_caught else "SURVIVED"
    print(f"{verdict:8}  {bug.name:31}  {bug.effect}\n{'':10}{message}", flush=True)
    return is_caught


def caught_by(bug: Bug, folder: Path) -> tuple[bool, str]:
    """Whether a test fails with the bug in place, and which, or why none could."""
    copy_package(folder)
    path = folder / bug.file
    text = path.read_text(encoding="utf-8")
    for old, new in bug.edits:
        if text.count(old) != 1:
            return False, f"{bug.file} holds {text.count(old)} times, not once: {old.strip()}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    result = run_tests(bug.tests, bug.selection, folder)
    failed = re.search(r"^FAILED (\S+?::.*?)(?: - (.*))?$", result.stdout, re.MULTILINE)
    if result.returncode == 1 and failed:
        return True, f"by {failed[1].rpartition('/')[2]}: {(failed[2] or '').partition(' (')[0]}"
    last = (result.stdout.strip() or result.stderr.strip()).splitlines()[-1]
    return False, f"{bug.tests} -k {bug.selection!r}: {last}"


def copy_package(folder: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)


def run_tests(tests: str, selection: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # Slow tests, too: the contract is sampled without them.
    options = ["-x", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider", "-m", "not gpu"]
    command = [sys.executable, "-m", "pytest", *options, tests]
    return run(command + (["-k", selection] if selection else []), folder)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "400"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
