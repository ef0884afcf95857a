"""A folder in which the examples of the pages find the runs and files that they name."""

import json
import shutil
from pathlib import Path

import pytest

from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.results.evaluate import evaluate_bundle
from tests.cli.conftest import command as command  # the fixture
from tests.documentation.pages import ROOT, example_files
from tests.results.bundles import make_run, sentences, train_tokenizers

FORWARD = ("DIR", "FORWARD", "RUN_A", "RUN_B")
OUTPUTS = (
    *("outputs/train/2026-01-31_12-00-00", "outputs/train/2026-02-01_12-00-00"),
    "outputs/train/sweep/seed-1",
)
SOURCES, TARGETS = sentences(6, seed=3), sentences(6, seed=4)
PAIRS = list(zip(SOURCES, TARGETS, strict=True))
LINKS = ["0-0"] * len(SOURCES)
FILES = {
    **dict.fromkeys(("input.txt", "source.txt", "train.en"), SOURCES),
    **dict.fromkeys(("target.txt", "train.de"), TARGETS),
    **dict.fromkeys(("links.txt", "forward.txt", "reverse.txt"), LINKS),
    "gold.txt": ["1-1"] * len(SOURCES),  # counted from 1
    "dev.tsv": [f"{source}\t{target}" for source, target in PAIRS],
    "train.jsonl": [json.dumps({"source": source, "target": target}) for source, target in PAIRS],
}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with random weights in both directions, one evaluated, and files of text and links."""
    folder = tmp_path_factory.mktemp("documentation")
    tokenizers = train_tokenizers(folder, characters="Un perro")
    held_out = {"validation": Pairs(SOURCES, TARGETS), "test": Pairs(SOURCES, TARGETS)}
    for seed, name in enumerate((*FORWARD, *OUTPUTS), start=1):
        make_run(folder / name, tokenizers, seed=seed, held_out=held_out)
        (folder / name / "metrics.jsonl").write_text('{"step": 50, "train/loss": 6.5}\n')
    reverse = {"source_language": "yy", "target_language": "xx"}
    make_run(folder / "REVERSE", tokenizers, seed=9, held_out=held_out, **reverse)
    evaluate_bundle(folder / "DIR", EvaluateConfig())
    texts = {name: "".join(f"{line}\n" for line in lines) for name, lines in FILES.items()}
    for name, text in (texts | example_files()).items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.fixture
def workspace(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of an example."""
    folder = tmp_path / "workspace"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    return folder
