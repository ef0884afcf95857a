"""The layer rule: imports point to lower layers, and foreign packages stay where they belong."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = [
    {"printable"},
    {"errors", "processes"},
    {"paths", "padding", "files", "progress", "registry", "options"}
    | {"imports", "stopping", "bounded"},
    {"position", "children", "kept_memory"},
    {"attention", "jobs"},
    {"model"},
    {"data"},
    {"decoding", "alignment", "metrics"},
    {"engine"},
    {"evaluation"},
    {"training", "report"},
    {"config"},
    {"bundle"},
    {"aligning"},
    {"folder"},
    {"results"},
    {"run"},
    {"verification", "bench", "sweeps"},
    {"bench_runs"},
    {"runs_report"},
    {"cli"},
]
FILES = sorted((ROOT / "seq2seq").rglob("*.py"))
ONLY_IN = {
    "hydra": {
        "seq2seq/config/hydra_cells.py",
        "seq2seq/config/hydra_errors.py",
        "seq2seq/config/hydra_task.py",
        "seq2seq/config/schemas.py",
        "seq2seq/config/store.py",
    },
    "lightning": {"seq2seq/training", "seq2seq/run"},
    "ctranslate2": {"seq2seq/engine/package.py"},
    # In folders of users, `seq2seq.files.temporary_path`: what a kill leaves there is swept.
    "tempfile": {
        "seq2seq/bench",
        "seq2seq/bench_runs",
        "seq2seq/cli",
        "seq2seq/data/sources/tatoeba.py",
        "seq2seq/engine/search.py",
        "seq2seq/runs_report/speeds.py",
        "seq2seq/sweeps",
    },
}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
    return names


def layer(package: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if package in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_to_lower_layers(path: Path) -> None:
    parts = path.relative_to(ROOT / "seq2seq").with_suffix("").parts
    if parts == ("__init__",):
        return
    package = parts[0]
    for name in imported(path):
        if not name.startswith("seq2seq."):
            continue
        imported_package = name.split(".")[1]
        assert imported_package == package or layer(imported_package) < layer(package), (
            f"{package} must not import {name}"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_foreign_packages_stay_where_they_belong(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    roots = {name.split(".")[0] for name in imported(path)}
    for package, places in ONLY_IN.items():
        if package in roots:
            assert any(place == allowed or place.startswith(f"{allowed}/") for allowed in places), (
                package
            )
    if place.split("/")[1] in ("position", "attention", "model"):
        allowed = set(sys.stdlib_module_names) | {"torch", "seq2seq", "omegaconf"}
        assert roots <= allowed, f"{place} imports {roots - allowed}"


def test_a_configuration_is_checked_before_anything_heavy_is_imported() -> None:
    heavy = ["torch", "lightning", "datasets", "sentencepiece", "sacrebleu", "matplotlib", "pandas"]
    commands = "seq2seq.run.start, seq2seq.run.resume, seq2seq.results.start_evaluate"
    start = f"import sys, seq2seq.config.store, {commands}"
    code = f"{start}; print([name for name in {heavy} if name in sys.modules])"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert finished.stdout.strip() == "[]"
