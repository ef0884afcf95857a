"""Candidates link what the aligner links with the same layer, heads and reading."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.attention.catalogue import FullConfig, LinformerConfig
from seq2seq.bundle.files import Bundle, load_bundle
from seq2seq.bundle.model import Model
from seq2seq.errors import ConfigError
from seq2seq.evaluation import word_aligner
from seq2seq.evaluation.align import Aligner
from seq2seq.evaluation.candidates import candidate_links, layers_with_weights
from seq2seq.evaluation.word_aligner import EncodedLine
from tests.run.bundles import make_run, sentences, train_tokenizers

SOURCES = [
    *sentences(12),
    "",
    "rain",
    "dogbirdsgreen the smallnear  dog",
    "nearfieldandruns sees rain",
]
TARGETS = [*sentences(12, seed=3), "dog", "", "日本 é sees", "while smallnear fieldbirds"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("runs")
    return load_bundle(make_run(folder / "one", train_tokenizers(folder)))


@pytest.mark.parametrize("limit", [1, 2000, word_aligner.WEIGHTS_PER_BATCH])
def test_every_candidate_links_as_the_aligner_does(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(word_aligner, "WEIGHTS_PER_BATCH", limit)
    done: list[int] = []
    found = candidate_links(bundle.model, bundle.tokenizers, SOURCES, TARGETS, progress=done.append)
    assert sum(done) == len(SOURCES)
    assert len(found.candidates) == 2 * 3 * 2
    model = Model([bundle])
    for index, candidate in enumerate(found.candidates):
        options = {
            "layer": candidate.layer,
            "heads": list(candidate.heads),
            "use_input_row": candidate.use_input_row,
        }
        model.alignment = replace(AlignmentConfig(), **options)
        expected = [each.alignment for each in model.score(SOURCES, TARGETS, alignments=True)]
        assert found.links(index) == [each.links for each in expected if each is not None]


@pytest.mark.parametrize(("method", "linked"), [("argmax", 1), ("mutual", 1), ("threshold", 0)])
def test_a_word_is_not_the_best_for_being_long(bundle: Bundle, method: str, linked: int) -> None:
    options = {"threshold": 0.5} if method == "threshold" else {}
    config = AlignmentConfig(method=LinkMethod[method], **options)
    aligner = Aligner([bundle.model], bundle.tokenizers, config)
    weights = torch.tensor([[0.3, 0.3, 0.4, 0.0]])
    found = aligner.link(EncodedLine([5, 6, 7], [0, 0, 1]), EncodedLine([8], [0]), weights)
    assert found.links == {(linked, 0)}


def test_one_row_alone(bundle: Bundle) -> None:
    both = candidate_links(bundle.model, bundle.tokenizers, SOURCES, TARGETS)
    for use_input_row in (False, True):
        one = candidate_links(
            bundle.model, bundle.tokenizers, SOURCES, TARGETS, rows=(use_input_row,)
        )
        assert one.candidates == [
            each for each in both.candidates if each.use_input_row is use_input_row
        ]
        kept = [
            index
            for index, each in enumerate(both.candidates)
            if each.use_input_row is use_input_row
        ]
        assert [one.links(index) for index in range(len(kept))] == [
            both.links(index) for index in kept
        ]


def test_a_sentence_that_is_too_long_is_aligned_without_its_end(bundle: Bundle) -> None:
    long = " ".join(["birds"] * 40)
    found = candidate_links(bundle.model, bundle.tokenizers, [long], [long])
    assert found.lengths == [(40, 40)]
    assert (found.best[0][:, -1] == -1).all()
    assert (found.best[0][:, 0] >= 0).all()


def test_layers_without_weights_are_left_out(tmp_path: Path) -> None:
    tokenizers = train_tokenizers(tmp_path)
    mixed = make_run(tmp_path / "mixed", tokenizers, layer_cross=[LinformerConfig(), FullConfig()])
    bundle = load_bundle(mixed)
    assert layers_with_weights(bundle.model) == [1]
    found = candidate_links(bundle.model, bundle.tokenizers, SOURCES, TARGETS)
    assert {candidate.layer for candidate in found.candidates} == {1}
    none = load_bundle(make_run(tmp_path / "none", tokenizers, cross=LinformerConfig()))
    with pytest.raises(ConfigError, match="linformer"):
        layers_with_weights(none.model)
