"""The script of the error rates of single runs, and that of the stand-in for gold links."""

import logging
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq.data.sources.base import Pairs, RawCorpus
from tests.results.bundles import make_run, sentences, train_tokenizers
from tests.scripts.loading import imported_script

TEXT = Pairs(sentences(12, seed=7), sentences(12, seed=8))
TRAIN = Pairs([*sentences(30, seed=3), "It's  RED."], [*sentences(30, seed=4), "¿Sí?"])
LINES = 6


class Aligner:
    """Links the first words of every pair."""

    aligned: tuple[list[str], list[str]] = ([], [])

    def align(
        self,
        source: list[str],
        target: list[str],
        links_filename_fwd: str,
        links_filename_rev: str,
    ) -> None:
        Aligner.aligned = source, target
        for name, links in ((links_filename_fwd, "0-0 1-0"), (links_filename_rev, "0-0 0-1")):
            Path(name).write_text(f"{links}\n" * len(source), encoding="utf-8")


@pytest.fixture(autouse=True)
def eflomal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = types.ModuleType("eflomal")
    module.Aligner = Aligner  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "eflomal", module)
    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    yield
    package.handlers[:], package.level, package.propagate = before


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    tokenizers = train_tokenizers(folder)
    return [
        make_run(folder / str(seed), tokenizers, seed=seed, held_out={"validation": TEXT})
        for seed in (1, 2)
    ]


@pytest.fixture
def gold(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "gold.tsv"
    monkeypatch.setattr(sys, "argv", ["script", str(runs[0]), str(path), "--lines", str(LINES)])
    with imported_script("eflomal_links") as script:
        monkeypatch.setattr(script, "load_raw", lambda config: RawCorpus(TRAIN, TEXT, TEXT))
        assert script.main() == 0
    return path


def test_the_stand_in_has_the_links_of_both_directions(gold: Path) -> None:
    rows = [line.split("\t") for line in gold.read_text(encoding="utf-8").splitlines()]
    assert rows == [[TEXT.source[row], TEXT.target[row], "0-0"] for row in range(LINES)]
    source, target = Aligner.aligned
    assert (source[30], target[30]) == ("it's red\n", "sí\n")
    assert [line.strip() for line in source[31:]] == TEXT.source[:LINES]


def test_the_table_has_a_row_for_every_reading_and_aligner(
    gold: Path,
    runs: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(gold), *map(str, runs), "--statistical", "--eflomal"]
    monkeypatch.setattr(sys, "argv", ["script", *arguments])
    with imported_script("one_run_alignment") as script:
        links = sys.modules["eflomal_links"]
        monkeypatch.setattr(links, "load_raw", lambda config: RawCorpus(TRAIN, TEXT, TEXT))
        assert script.main() == 0
    output = capsys.readouterr()
    rows = [line.strip("| ").split(" | ") for line in output.out.splitlines()[2:]]
    readings = ("as configured", "best by weights", "best by norm")
    combined = ("forward", "reverse", "intersection", "grow-diag")
    assert [row[0] for row in rows] == [
        *(f"{reading}, {method}" for reading in readings for method in ("argmax", "chain")),
        *(f"{aligner}, {name}" for aligner in ("statistical", "eflomal") for name in combined),
    ]
    figures = {row[0]: row[1:] for row in rows}
    assert figures["eflomal, intersection"] == ["0.0", "100.0", "100.0"]
    assert all("±" in figures[row[0]][0] for row in rows[:6])
    errors = {row[0]: float(row[1].split()[0]) for row in rows}
    assert errors["best by weights, argmax"] <= errors["as configured, argmax"]
    assert output.err.count("best by weights: AlignmentCandidate(") == len(runs)
