"""Choosing layer and heads of runs, on a validation split or other text."""

import json
from pathlib import Path

import pytest

from seq2seq.aligning.choose import Gold, RunChoice, choose_alignment
from seq2seq.alignment.config import Measure
from seq2seq.alignment.links import format_links, swap_links
from seq2seq.attention.catalogue import FullConfig, LinformerConfig
from seq2seq.attention.modifier_options import Gate
from seq2seq.bundle.files import load_bundle
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import ConfigError, DataError
from seq2seq.evaluation.candidates import candidate_links
from tests.results.bundles import make_run, sentences, train_tokenizers

TEXT = Pairs(sentences(16, seed=7), sentences(16, seed=8))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two directions with different tokenizers."""
    folder = tmp_path_factory.mktemp("runs")
    forward = make_run(folder / "forward", train_tokenizers(folder), held_out={"validation": TEXT})
    reverse = make_run(
        folder / "reverse",
        train_tokenizers(folder, seed=2),
        seed=2,
        source_language="yy",
        target_language="xx",
        layer_cross=[LinformerConfig(), FullConfig()],
    )
    return forward, reverse


def links_with(run: Path, chosen: RunChoice, text: Pairs) -> list[frozenset[tuple[int, int]]]:
    bundle = load_bundle(run)
    sides = text.source, text.target
    links = candidate_links(bundle.model, bundle.tokenizers, *sides, measures=tuple(Measure))
    return links.links(links.candidates.index(chosen.choice.candidate))


def test_the_figure_is_the_agreement_of_the_chosen_links(runs: tuple[Path, Path]) -> None:
    forward, reverse = choose_alignment(*runs)
    assert (forward.run, reverse.run) == runs
    assert forward.criterion == reverse.criterion == "agreement"
    assert forward.choice.figure == reverse.choice.figure == forward.choice.table[0][1]
    ours, theirs = links_with(runs[0], forward, TEXT), links_with(runs[1], reverse, TEXT.reversed())
    common = sum(len(a & swap_links(b)) for a, b in zip(ours, theirs, strict=True))
    words = sum(len(line.split()) for line in (*TEXT.source, *TEXT.target))
    assert forward.choice.figure == pytest.approx(2 * common / words)
    assert (forward.left_out, reverse.left_out) == ({}, {0: "linformer"})
    assert {candidate.layer for candidate, _ in reverse.choice.table} == {1}


@pytest.mark.parametrize("both", [False, True])
def test_gold_links_decide(runs: tuple[Path, Path], tmp_path: Path, both: bool) -> None:
    bundle = load_bundle(runs[0])
    links = candidate_links(bundle.model, bundle.tokenizers, TEXT.source, TEXT.target)
    for index in (0, 7):
        path = tmp_path / "gold"
        path.write_text(
            "".join(f"{format_links(line)}\n" for line in links.links(index)), encoding="utf-8"
        )
        chosen = choose_alignment(runs[0], runs[1] if both else None, text=TEXT, gold=Gold(path, 0))
        assert len(chosen) == 1 + both
        assert chosen[0].choice.candidate == links.candidates[index]
        assert (chosen[0].criterion, chosen[0].choice.figure) == ("aer", 0)


def test_text_lines_and_row_are_obeyed(runs: tuple[Path, Path]) -> None:
    first_lines = TEXT.first(5)
    assert (
        choose_alignment(*runs, lines=5)
        == choose_alignment(*runs, text=first_lines)
        != choose_alignment(*runs)
    )
    for use_input_row in (False, True):
        for chosen in choose_alignment(*runs, use_input_row=use_input_row):
            assert {candidate.use_input_row for candidate, _ in chosen.choice.table} == {
                use_input_row
            }


@pytest.mark.parametrize("measure", [None, *Measure])
def test_all_measures_are_tried_unless_one_is_named(
    runs: tuple[Path, Path], measure: Measure | None
) -> None:
    for chosen in choose_alignment(*runs, measure=measure, lines=5):
        tried = {candidate.measure for candidate, _ in chosen.choice.table}
        assert tried == ({*Measure} if measure is None else {measure})
        name = chosen.choice.candidate.measure.value
        assert chosen.options()[0].endswith(f" --measure {name}")
        assert chosen.options()[1].endswith(f" alignment.measure={name}")
        assert json.dumps(chosen.as_json()).count(f'"measure": "{name}"') >= 2


def test_norms_are_not_tried_where_a_gate_changes_contributions(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    gated = make_run(
        tmp_path / "gated",
        train_tokenizers(tmp_path),
        cross=FullConfig(gate=Gate.head),
        held_out={"validation": TEXT},
    )
    forward, reverse = choose_alignment(gated, runs[1], lines=5)
    assert {candidate.measure for candidate, _ in forward.choice.table} == {Measure.weights}
    assert {candidate.measure for candidate, _ in reverse.choice.table} == {*Measure}
    with pytest.raises(ConfigError, match=r"alignment.measure: .* has a gate"):
        choose_alignment(gated, runs[1], measure=Measure.norm)


def test_unusable_runs_and_links_are_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs --reverse"):
        choose_alignment(runs[0])
    with pytest.raises(
        ConfigError, match="must translate yy to xx.*translates xx to yy.*data.reverse=true"
    ):
        choose_alignment(runs[0], runs[0])
    with pytest.raises(DataError, match="validation"):
        choose_alignment(runs[1], runs[0])
    gold = tmp_path / "gold"
    gold.write_text("0-0\n" * 15 + "0-40\n", encoding="utf-8")
    with pytest.raises(DataError, match="gold:16: link 0-40"):
        choose_alignment(runs[0], text=TEXT, gold=Gold(gold, 0))
    none = make_run(
        tmp_path / "none",
        train_tokenizers(tmp_path),
        cross=LinformerConfig(),
        held_out={"validation": TEXT},
    )
    with pytest.raises(ConfigError, match="linformer"):
        choose_alignment(none, runs[1])
