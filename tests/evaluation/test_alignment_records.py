"""Alignments as JSON: words, subwords, and probabilities that sum to one with null."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seq2seq
from seq2seq.alignment.config import LinkMethod
from seq2seq.data.kinds.features import FeatureSource
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.evaluation.alignment_records import alignment_record
from tests.results.bundles import make_run, sentences, train_tokenizers

SOURCES = ["the dog", "  rain\t日本 é", "", *sentences(5)]
TARGETS = ["a field", "birds  ü", "", *sentences(5, seed=2)]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


def records(run: Path, sources: list[Any], method: LinkMethod) -> list[tuple[dict[str, Any], Any]]:
    model = seq2seq.load(run, device="cpu")
    model.alignment.method = method
    scored = model.score(sources, TARGETS[: len(sources)], alignments=True)
    return [
        (json.loads(alignment_record(model.tokenizers.source, item, x)), x.alignment)
        for item, x in zip(sources, scored, strict=True)
    ]


@pytest.mark.parametrize("method", [LinkMethod.argmax, LinkMethod.chain])
def test_words_subwords_and_links(
    tmp_path: Path, tokenizers: Tokenizers, method: LinkMethod
) -> None:
    found = records(make_run(tmp_path / "run", tokenizers), SOURCES, method)
    for (record, alignment), *texts in zip(found, SOURCES, TARGETS, strict=True):
        for name, text in zip(("source", "target"), texts, strict=True):
            side = record[name]
            assert (side["text"], side["words"]) == (text, text.split())
            assert [text[slice(*place)] for place in side["offsets"]] == side["words"]
            assert len(side["subwords"]) == len(side["word_of_subword"])
            for number, word in enumerate(side["words"]):
                held = zip(side["subwords"], side["word_of_subword"], strict=True)
                spelt = "".join(subword for subword, of in held if of == number).strip("▁")
                assert spelt == word
        assert {(source, target) for source, target, _ in record["links"]} == alignment.links
        targets = record["target"]["word_of_subword"]
        for target, null in enumerate(record["null"]):
            rows = alignment.weights[[of == target for of in targets]].mean(0)
            assert null == pytest.approx(float(rows[-1]), abs=2e-6), "what falls on </s>"
            for source, _, probability in (x for x in record["links"] if x[1] == target):
                columns = torch.tensor([of == source for of in record["source"]["word_of_subword"]])
                assert probability == pytest.approx(float(rows[columns].sum()), abs=2e-6)


def test_frames_have_no_offsets(tmp_path: Path, tokenizers: Tokenizers) -> None:
    frames = Tokenizers(FeatureSource(4), tokenizers.target)
    items = FeatureSource.items([np.ones((length, 4), np.float32) for length in (3, 5)])
    held_out = Pairs(items, TARGETS[:2])
    run = make_run(tmp_path / "run", frames, source_kind="features", held_out=held_out)
    for (record, alignment), length in zip(
        records(run, items, LinkMethod.argmax), (3, 5), strict=True
    ):
        assert record["source"]["offsets"] is None
        assert record["source"]["word_of_subword"] == list(range(length))
        assert len(record["links"]) == len(alignment.links) > 0
        assert record["null"] == pytest.approx([0] * len(record["null"]), abs=2e-6)
