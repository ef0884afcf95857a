"""The script of the table of alignment error rates, on tiny runs."""

import logging
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seq.alignment.choose import AlignmentCandidate
from seq2seq.alignment.config import LinkMethod
from seq2seq.data.sources.base import Pairs, RawCorpus
from seq2seq.errors import MissingDependencyError
from tests.results.bundles import make_run, sentences, train_tokenizers
from tests.scripts.loading import imported_script

TEXT = Pairs(sentences(12, seed=7), sentences(12, seed=8))
GOLD = Pairs(sentences(6, seed=3), sentences(6, seed=4))


@pytest.fixture
def script() -> Iterator[Any]:
    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    with imported_script("alignment_error_rates") as module:
        yield module
    package.handlers[:], package.level, package.propagate = before


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    tokenizers = train_tokenizers(folder)
    forward = make_run(folder / "forward", tokenizers, held_out={"validation": TEXT})
    return [
        forward,
        make_run(
            folder / "reverse", tokenizers, seed=2, source_language="yy", target_language="xx"
        ),
    ]


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.tsv"
    rows = zip(GOLD.source, GOLD.target, strict=True)
    path.write_text(
        "".join(f"{source}\t{target}\t0-0\n" for source, target in rows), encoding="utf-8"
    )
    return path


def test_the_table_has_a_row_for_every_choice_method_and_combination(
    script: Any,
    runs: list[Path],
    gold: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    eflomal = types.ModuleType("eflomal")
    aligned: list[list[str]] = []

    class Aligner:
        """Links the first words of every pair."""

        def align(
            self,
            source: list[str],
            target: list[str],
            links_filename_fwd: str,
            links_filename_rev: str,
        ) -> None:
            aligned.extend([source, target])
            for name in (links_filename_fwd, links_filename_rev):
                Path(name).write_text("1-1\n" * 2 + "0-0\n" * (len(source) - 2), encoding="utf-8")

    eflomal.Aligner = Aligner  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "eflomal", eflomal)
    train = Pairs(["It's  RED.", GOLD.source[0], "b"], ["¿Sí?", GOLD.target[0], "d"])
    raw = RawCorpus(train, TEXT, TEXT)
    monkeypatch.setattr(script, "training_text", lambda run: raw.train)
    monkeypatch.setattr(
        sys, "argv", ["script", *map(str, runs), str(gold), "--lexicon", "--eflomal"]
    )
    assert script.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) in (2 + (choices * (len(LinkMethod) + 1) + 2) * 6 for choices in (2, 3))
    assert len(set(lines)) == len(lines), "no choice is in the table twice"
    assert lines[-6] == "| eflomal | forward | 0.0 | 100.0 | 100.0 |"
    assert aligned[0][:2] == ["it's red\n", "b\n"]
    assert aligned[1][:2] == ["sí\n", "d\n"]
    assert aligned[0][2:] == [f"{line}\n" for line in GOLD.source]


def test_joint_weights_are_those_of_the_candidates_whatever_was_read_before(
    script: Any, runs: list[Path], gold: Path
) -> None:
    models, table = tuple(map(script.load_model, runs)), script.read_gold_table(gold)
    output_row, input_row = (
        (AlignmentCandidate(1, (0,), row), AlignmentCandidate(0, (1,), row))
        for row in (False, True)
    )
    first, second, again = (
        script.gold_weights(models, candidates, table)
        for candidates in (output_row, input_row, output_row)
    )
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not any(np.array_equal(*pair) for pair in zip(first, second, strict=True))


def test_without_eflomal_the_message_says_how_to_install_it(
    script: Any, runs: list[Path], gold: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "eflomal", None)
    with pytest.raises(MissingDependencyError, match="pip install eflomal"):
        script.eflomal_links(TEXT, script.read_gold_table(gold).pairs)
