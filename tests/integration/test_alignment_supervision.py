"""A head supervised with links of the corpus aligns; without supervision it does not."""

from collections.abc import Sequence

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.error_rate import AlignmentScore, score_links
from seq2seq.alignment.links import GoldLinks, parse_links
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.translate import Translator
from seq2seq.model.transformer import Transformer
from seq2seq.training.alignment_supervision import AlignmentSupervision
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.optimizer_config import OptimizerConfig, ScheduleConfig, ScheduleKind
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.integration.tasks import build
from tests.training.tiny import fit, tiny_module

HEAD = 2
STEPS = 300


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    """Sequences to reverse, with their links."""
    folder = str(tmp_path_factory.mktemp("cache"))
    return prepare(GeneratedConfig(max_length=6, num_train=4000, num_test=100, cache_dir=folder))


def learn(
    model: Transformer,
    corpus: PreparedCorpus,
    losses: Sequence[AuxiliaryLoss] = (),
    *,
    steps: int = STEPS,
) -> None:
    optimizer = OptimizerConfig(learning_rate=2e-3, beta2=0.999, epsilon=1e-8, label_smoothing=0.0)
    schedule = ScheduleConfig(kind=ScheduleKind.constant, warmup_steps=0)
    module = tiny_module(model, optimizer=optimizer, schedule=schedule, auxiliary_losses=losses)
    fit(module, corpus, max_steps=steps, max_tokens=512)


def error_rate(
    model: Transformer, corpus: PreparedCorpus, *, use_input_row: bool
) -> AlignmentScore:
    """Of the head's argmax links on test sequences."""
    alignment = AlignmentConfig(enabled=True, layer=-1, heads=[HEAD], use_input_row=use_input_row)
    translator = Translator([model.eval()], corpus.tokenizers, DecodingConfig(), alignment)
    pairs = corpus.test.pairs
    assert pairs.links is not None
    gold = [GoldLinks(links, links) for links in map(parse_links, pairs.links)]
    links = [
        translation.alignment.links
        for translation in translator.score(pairs.source, pairs.target)
        if translation.alignment
    ]
    return score_links(links, gold)


@pytest.mark.parametrize("use_input_row", [True, False])
def test_a_supervised_head_aligns(corpus: PreparedCorpus, use_input_row: bool) -> None:
    config = AlignmentSupervisionConfig(
        kind=SupervisionKind.links, weight=1.0, head=HEAD, use_input_row=use_input_row
    )
    model = build(corpus)
    learn(model, corpus, [AlignmentSupervision(config, num_layers=1)])
    assert error_rate(model, corpus, use_input_row=use_input_row).aer < 0.1


def test_a_head_without_supervision_does_not(corpus: PreparedCorpus) -> None:
    model = build(corpus)
    learn(model, corpus)
    assert error_rate(model, corpus, use_input_row=True).aer > 0.4
