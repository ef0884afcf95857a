"""Candidates have the links of the aligner at the same layer, heads and row."""

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
from seq2seq.evaluation.encoded_line import EncodedLine
from tests.results.bundles import make_run, sentences, train_tokenizers

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
    links = candidate_links(bundle.model, bundle.tokenizers, SOURCES, TARGETS, progress=done.append)
    assert sum(done) == len(SOURCES)
    assert len(links.candidates) == 2 * 3 * 2
    model = Model([bundle])
    for index, candidate in enumerate(links.candidates):
        options = {
            "layer": candidate.layer,
            "heads": list(candidate.heads),
            "use_input_row": candidate.use_input_row,
        }
        model.alignment = replace(AlignmentConfig(), **options)
        scored = model.score(SOURCES, TARGETS, alignments=True)
        expected = [pair.alignment.links for pair in scored if pair.alignment is not None]
        assert links.links(index) == expected


@pytest.mark.parametrize(("method", "linked"), [("argmax", 1), ("mutual", 1), ("threshold", 0)])
def test_a_word_is_not_the_best_for_being_long(bundle: Bundle, method: str, linked: int) -> None:
    options = {"threshold": 0.5} if method == "threshold" else {}
    config = AlignmentConfig(method=LinkMethod[method], **options)
    aligner = Aligner([bundle.model], bundle.tokenizers, config)
    weights = torch.tensor([[0.3, 0.3, 0.4, 0.0]])
    alignment = aligner.link(EncodedLine([5, 6, 7], [0, 0, 1]), EncodedLine([8], [0]), weights)
    assert alignment.links == {(linked, 0)}


def test_one_row_alone(bundle: Bundle) -> None:
    both = candidate_links(bundle.model, bundle.tokenizers, SOURCES, TARGETS)
    for use_input_row in (False, True):
        single = candidate_links(
            bundle.model, bundle.tokenizers, SOURCES, TARGETS, rows=(use_input_row,)
        )
        indices = [
            index
            for index, candidate in enumerate(both.candidates)
            if candidate.use_input_row is use_input_row
        ]
        assert single.candidates == [both.candidates[index] for index in indices]
        for position, index in enumerate(indices):
            assert single.links(position) == both.links(index)


def test_a_sentence_that_is_too_long_is_aligned_without_its_end(bundle: Bundle) -> None:
    long = " ".join(["birds"] * 40)
    links = candidate_links(bundle.model, bundle.tokenizers, [long], [long])
    assert links.lengths == [(40, 40)]
    assert (links.best[0][:, -1] == -1).all()
    assert (links.best[0][:, 0] >= 0).all()


def test_layers_without_weights_are_left_out(tmp_path: Path) -> None:
    tokenizers = train_tokenizers(tmp_path)
    mixed = make_run(tmp_path / "mixed", tokenizers, layer_cross=[LinformerConfig(), FullConfig()])
    bundle = load_bundle(mixed)
    assert layers_with_weights(bundle.model) == [1]
    links = candidate_links(bundle.model, bundle.tokenizers, SOURCES, TARGETS)
    assert {candidate.layer for candidate in links.candidates} == {1}
    none = load_bundle(make_run(tmp_path / "none", tokenizers, cross=LinformerConfig()))
    with pytest.raises(ConfigError, match="linformer"):
        layers_with_weights(none.model)
