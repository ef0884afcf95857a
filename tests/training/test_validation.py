"""Validation against plain formulas, on one process and shared out over several."""

import copy
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor
from torch.nn import functional as F

from seq2seq.data.batch import collate
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.column import Column
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.prepare import PreparedCorpus, Split
from seq2seq.data.sources.base import Pairs
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.translate import Translator
from seq2seq.metrics.score import Scorer
from seq2seq.model.transformer import Transformer
from seq2seq.training.config import LOSS, TrainerConfig
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.validation import Validator
from tests.training.tiny import tiny_corpus, tiny_model

LINES = 10


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"), num_validation=30)


@pytest.fixture
def model(corpus: PreparedCorpus) -> Transformer:
    return tiny_model(vocab_size=corpus.tokenizers.target.vocab_size, dropout=0.5)


def validator(
    corpus: PreparedCorpus,
    *,
    split: Split | None = None,
    metrics: Sequence[str] = ("bleu",),
    bleu_lines: int = LINES,
    max_tokens: int = 64,
    rank: int = 0,
    world_size: int = 1,
) -> Validator:
    return Validator(
        corpus.validation if split is None else split,
        corpus.tokenizers,
        target_language="en",
        metrics=metrics,
        batch=BatchConfig(max_tokens=max_tokens),
        bleu_lines=bleu_lines,
        rank=rank,
        world_size=world_size,
    )


class Alone(Strategy):
    """The sum over one process."""

    def __new__(cls) -> Any:
        return SimpleNamespace(reduce=lambda value, reduce_op: value)


@torch.no_grad()
def row_by_row(model: Transformer, split: Split) -> tuple[float, float, int]:
    """Sums of the loss in nats and of correct labels, and the number of labels."""
    model.eval()
    nll, correct, labels = 0.0, 0.0, 0
    for row in range(len(split)):
        batch = collate(split.encoded, np.array([row]))
        states, _ = model.decoder_states(batch.target, model.encode(batch.source))
        logits = model.output(states)[0]
        nll += float(F.cross_entropy(logits, batch.labels[0], reduction="sum"))
        correct += int((logits.argmax(-1) == batch.labels[0]).sum())
        labels += batch.target_tokens
    return nll, correct, labels


def test_metrics_are_those_of_plain_formulas(corpus: PreparedCorpus, model: Transformer) -> None:
    metrics = validator(corpus)(model, Alone())
    nll, correct, labels = row_by_row(model, corpus.validation)
    translator = Translator([model.eval()], corpus.tokenizers, DecodingConfig(beam_size=1))
    pairs = corpus.validation.pairs
    hypotheses = [x.text for x in translator.translate(pairs.source[:LINES])]
    scorer = Scorer("en", ["bleu"])
    assert metrics == {
        "val/loss": pytest.approx(nll / labels, rel=1e-4),
        "val/perplexity": pytest.approx(math.exp(nll / labels), rel=1e-4),
        "val/accuracy": pytest.approx(correct / labels),
        "val/bleu": pytest.approx(scorer.corpus(hypotheses, pairs.target[:LINES])["bleu"].score),
    }


def test_translations_are_scored_by_the_metrics_that_are_chosen(
    corpus: PreparedCorpus, model: Transformer
) -> None:
    values = validator(corpus, metrics=["exact_match", "ter"])(model, Alone())
    assert {"val/exact_match", "val/ter"} <= values.keys()
    assert "val/bleu" not in values


@pytest.mark.parametrize(
    ("metric", "used"), [("bleu", "bleu"), ("exact_match", "exact_match"), (LOSS, "ter")]
)
def test_the_metric_that_decides_scores_translations(
    corpus: PreparedCorpus, metric: str, used: str
) -> None:
    data = TranslationData(
        corpus, GeneratedConfig(), TrainerConfig(metric=metric), seed=1, metrics=["ter", "chrf"]
    )
    assert data.metrics == [used]


def test_batches_do_not_matter(corpus: PreparedCorpus, model: Transformer) -> None:
    small, large = (
        validator(corpus, max_tokens=size, bleu_lines=0)(model, Alone()) for size in (16, 2048)
    )
    assert small == pytest.approx(large, rel=1e-4)


def test_perfect_translations_have_the_highest_bleu(
    corpus: PreparedCorpus, model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = corpus.validation.pairs
    answers = dict(zip(pairs.source, pairs.target, strict=True))

    def translate(self: Translator, lines: list[str], progress: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(text=answers[line]) for line in lines]

    monkeypatch.setattr(Translator, "translate", translate)
    assert validator(corpus)(model, Alone())["val/bleu"] == pytest.approx(100)


@pytest.mark.parametrize("training", [True, False])
def test_it_leaves_no_trace(corpus: PreparedCorpus, model: Transformer, training: bool) -> None:
    model.train(training)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    first = validator(corpus)(model, Alone())
    assert all(module.training == training for module in model.modules())
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(before[name], x) for name, x in model.state_dict().items())
    assert not any(parameter.grad is not None for parameter in model.parameters())
    assert validator(corpus)(model, Alone()) == first


def test_an_empty_split_is_not_validated(corpus: PreparedCorpus, model: Transformer) -> None:
    split = Split(Pairs(), EncodedPairs(Column.of([]), Column.of([])))
    assert validator(corpus, split=split)(model, Alone()) == {}


def test_without_lines_there_is_no_bleu(corpus: PreparedCorpus, model: Transformer) -> None:
    assert "val/bleu" not in validator(corpus, bleu_lines=0)(model, Alone())


class World:
    """Processes that exchange values, as threads: each waits until all have handed in theirs."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.values: list[Any] = [None] * size
        self.barrier = threading.Barrier(size)
        self.rank = threading.local()

    def exchange(self, value: Any) -> list[Any]:
        self.values[self.rank.number] = value
        self.barrier.wait(timeout=60)
        values = list(self.values)
        self.barrier.wait(timeout=60)
        return values

    def reduce(self, value: Tensor, reduce_op: str) -> Tensor:
        return torch.stack(self.exchange(value)).sum(0)

    def all_gather_object(self, received: list[Any], value: Any) -> None:
        received[:] = self.exchange(value)

    def run(self, process: Callable[[int], Any]) -> list[Any]:
        def call(rank: int) -> Any:
            self.rank.number = rank
            return process(rank)

        with ThreadPoolExecutor(self.size) as pool:
            return list(pool.map(call, range(self.size)))


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("lines", [0, 1, LINES])
def test_processes_share_the_work_and_see_the_same_metrics(
    corpus: PreparedCorpus,
    model: Transformer,
    world_size: int,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone = validator(corpus, bleu_lines=lines)(model, Alone())
    world = World(world_size)
    monkeypatch.setattr(torch.distributed, "all_gather_object", world.all_gather_object)

    def process(rank: int) -> dict[str, float]:
        shared = validator(corpus, bleu_lines=lines, rank=rank, world_size=world_size)
        return shared(copy.deepcopy(model), cast(Strategy, world))

    for metrics in world.run(process):
        assert metrics == pytest.approx(alone, rel=1e-4)
