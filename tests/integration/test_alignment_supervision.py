"""A head that is taught where each symbol comes from knows it; without guidance it does not."""

import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.error_rate import AlignmentScore, score_links
from seq2seq.alignment.links import GoldLinks, parse_links
from seq2seq.data.config import BatchConfig, GeneratedConfig
from seq2seq.data.loader import TrainLoader
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.translate import Translator
from seq2seq.model.transformer import Transformer
from seq2seq.training.alignment_supervision import AlignmentSupervision
from seq2seq.training.config import AlignmentSupervisionConfig, SupervisionKind
from tests.integration.tasks import build

HEAD = 2
STEPS = 300


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    """Sequences to reverse, with their links."""
    folder = str(tmp_path_factory.mktemp("cache"))
    return prepare(GeneratedConfig(max_length=6, num_train=4000, num_test=100, cache_dir=folder))


def learn(model: Transformer, corpus: PreparedCorpus, guide: AlignmentSupervision | None) -> None:
    loader = TrainLoader(corpus.train, BatchConfig(max_tokens=512), seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0, fused=True)
    step = 0
    while step < STEPS:
        for batch in loader:
            wanted = frozenset() if guide is None else guide.weights_of
            encoded = model.train().encode(batch.source)
            states, weights = model.decoder_states(batch.target, encoded, weights_of=wanted)
            valid = batch.target.padding.valid()
            loss = model.output.loss(states[valid], batch.labels[valid], smoothing=0.0).total
            if guide is not None:
                loss = loss + guide.loss(weights, batch.links)
            (loss / batch.step_target_tokens).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step == STEPS:
                break


def error_rate(
    model: Transformer, corpus: PreparedCorpus, *, use_input_row: bool
) -> AlignmentScore:
    """Of the head's argmax links on test sequences."""
    alignment = AlignmentConfig(enabled=True, layer=-1, heads=[HEAD], use_input_row=use_input_row)
    translator = Translator([model.eval()], corpus.tokenizers, DecodingConfig(), alignment)
    pairs = corpus.test.pairs
    assert pairs.links is not None
    gold = [GoldLinks(links, links) for links in map(parse_links, pairs.links)]
    found = [
        each.alignment.links
        for each in translator.score(pairs.source, pairs.target)
        if each.alignment
    ]
    return score_links(found, gold)


@pytest.mark.parametrize("use_input_row", [True, False])
def test_a_taught_head_aligns(corpus: PreparedCorpus, use_input_row: bool) -> None:
    config = AlignmentSupervisionConfig(
        kind=SupervisionKind.links, weight=1.0, head=HEAD, use_input_row=use_input_row
    )
    taught = build(corpus)
    learn(taught, corpus, AlignmentSupervision(config, num_layers=1))
    assert error_rate(taught, corpus, use_input_row=use_input_row).aer < 0.1


def test_a_head_that_is_not_taught_does_not(corpus: PreparedCorpus) -> None:
    model = build(corpus)
    learn(model, corpus, None)
    assert error_rate(model, corpus, use_input_row=True).aer > 0.4
