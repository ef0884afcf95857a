"""The alignment loss against a plain loop, and its gradients with every mechanism."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS, Role, WeightKind
from seq2seq.attention.modifier_options import Sink
from seq2seq.data.batch import Batch, collate
from seq2seq.data.column import Column
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.model.transformer import Transformer
from seq2seq.training.alignment_supervision import AlignmentSupervision, alignment_loss
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.module import TranslationModule
from seq2seq.training.optimizer_config import OptimizerConfig
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.training.tiny import (
    LINKS,
    TARGET,
    fit,
    tiny_batch,
    tiny_corpus,
    tiny_model,
    tiny_module,
)

IDS, ROWS = Column.of([[10, 11, 12], [13, 14, 15]]), np.array([0, 1])
ALIGNABLE = {
    name: kind
    for name, kind in MECHANISMS.items()
    if Role.CROSS in kind.roles and kind.weights is not WeightKind.none
}


def by_a_loop(weights: Tensor, rows: list[int], *, use_input_row: bool) -> float:
    """Row by row and link by link."""
    total = 0.0
    for place, row in enumerate(rows):
        for t in range(len(TARGET[row])):
            sources = [source for source, target in LINKS[row] if target == t]
            decoder_input = t + 1 if use_input_row else t  # position 0 is the sentence start
            for s in sources:
                total -= math.log(float(weights[place, decoder_input, s])) / len(sources)
    return total


@pytest.mark.parametrize("use_input_row", [False, True])
@pytest.mark.parametrize("rows", [[0, 1, 2], [1], [2], [2, 0]])
def test_the_loss_is_that_of_a_plain_loop(rows: list[int], use_input_row: bool) -> None:
    batch = tiny_batch(rows)
    assert batch.links is not None
    shape = (len(rows), batch.target.ids.size(1), batch.source.ids.size(1))
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(3)).softmax(-1)
    loss = alignment_loss(weights, batch.links, use_input_row=use_input_row)
    assert float(loss) == pytest.approx(
        by_a_loop(weights, rows, use_input_row=use_input_row), rel=1e-5
    )
    assert loss.dtype == torch.float32
    if rows == [2]:
        assert float(loss) == 0


@pytest.mark.parametrize("has_sink", [False, True])
def test_null_words_are_taught_the_sentence_end_or_the_weight_that_rows_lack(
    has_sink: bool,
) -> None:
    links = collate(EncodedPairs(IDS, IDS, Column.of([[0, 0, -1, 1], [-1, 2]])), ROWS).links
    assert links is not None
    sums = torch.tensor([0.2, 0.4, 0.7, 0.9])[:, None]  # of the row of each decoder input
    weights = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(3)).softmax(-1) * sums
    ends = torch.tensor([2, 1])
    loss = alignment_loss(weights, links, use_input_row=True, ends=None if has_sink else ends)
    nulls = (0.3, 0.1) if has_sink else (float(weights[0, 2, 2]), float(weights[1, 3, 1]))
    expected = [float(weights[0, 1, 0]), *nulls]
    assert float(loss) == pytest.approx(-sum(map(math.log, expected)), rel=1e-5)


@pytest.mark.parametrize("sink", Sink)
def test_null_words_are_learned(sink: Sink) -> None:
    batch = collate(EncodedPairs(IDS, IDS, Column.of([[-1, 1], [-1, 2]])), ROWS)
    model = tiny_model(FullConfig(sink=sink)).train()
    config = AlignmentSupervisionConfig(kind=SupervisionKind.statistical, layer=-2)
    has_sink = sink is not Sink.none
    supervision = AlignmentSupervision(config, num_layers=2, has_sink=has_sink)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        states, weights = model.decoder_states(
            batch.target, model.encode(batch.source), weights_of=supervision.weights_of
        )
        loss, taught = supervision(batch, states, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert taught == 2
    rows = weights[supervision.layer][[0, 1], 0, [2, 3]]
    null = 1 - rows.sum(-1) if has_sink else rows[:, 3]  # three subwords, and then the sentence end
    assert (null > 0.9).all()


def test_a_weight_of_zero_gives_a_finite_loss_and_finite_gradients() -> None:
    batch = tiny_batch([0, 1, 2])
    assert batch.links is not None
    weights = torch.zeros(3, 6, 7, requires_grad=True)
    loss = alignment_loss(weights, batch.links, use_input_row=True)
    (gradient,) = torch.autograd.grad(loss, weights)
    assert loss.isfinite() and gradient.isfinite().all()


def supervised_loss(
    model: Transformer, batch: Batch, *, use_input_row: bool = True, head: int = 1, layer: int = -2
) -> Tensor:
    config = AlignmentSupervisionConfig(
        kind=SupervisionKind.links, weight=1.0, layer=layer, head=head, use_input_row=use_input_row
    )
    supervision = AlignmentSupervision(config, num_layers=2)
    states, weights = model.decoder_states(
        batch.target, model.encode(batch.source), weights_of=supervision.weights_of
    )
    return supervision(batch, states, weights)[0]


@pytest.mark.parametrize("use_input_row", [False, True])
@pytest.mark.parametrize("name", ALIGNABLE)
def test_padding_cannot_be_seen(name: str, use_input_row: bool) -> None:
    model = tiny_model(ALIGNABLE[name]()).eval()
    whole = supervised_loss(
        model, tiny_batch([0, 1, 2], source_width=12, target_width=9), use_input_row=use_input_row
    )
    alone = [
        supervised_loss(model, tiny_batch([row]), use_input_row=use_input_row) for row in range(3)
    ]
    torch.testing.assert_close(whole, torch.stack(alone).sum(), rtol=1e-4, atol=1e-5)
    assert whole > 0


@pytest.mark.parametrize("name", ALIGNABLE)
def test_only_the_supervised_head_gets_gradients(name: str) -> None:
    """Gradients reach the queries of that head and of no other, and nothing of the layers above."""
    model = tiny_model(ALIGNABLE[name]()).train()
    supervised_loss(model, tiny_batch([0, 1, 2])).backward()
    attention = [layer.cross_attention for layer in model.decoder.stack]
    rows = attention[0].query_key_value.weight.grad
    assert rows is not None and rows.isfinite().all()
    width, key_width, _ = attention[0].query_key_value.sizes
    of_queries = rows[:width].view(2, width // 2, 16).abs().amax((1, 2))
    assert of_queries[1] > 1e-6
    assert of_queries[0] == 0
    assert rows[width : width + key_width].abs().amax() > 1e-6, "keys"
    assert attention[1].query_key_value.weight.grad is None
    assert attention[0].output.weight.grad is None, "the weights do not pass through values"
    assert model.encoder.layers[0].attention.query_key_value.weight.grad is not None


@pytest.mark.parametrize("name", ALIGNABLE)
def test_states_do_not_depend_on_whether_weights_are_returned(name: str) -> None:
    model, batch = tiny_model(ALIGNABLE[name]()).train(), tiny_batch([0, 1, 2])
    valid = batch.target.padding.valid()
    plain, _ = model.decoder_states(batch.target, model.encode(batch.source))
    supervised, weights = model.decoder_states(
        batch.target, model.encode(batch.source), weights_of=frozenset({(Role.CROSS, 1)})
    )
    torch.testing.assert_close(supervised[valid], plain[valid], rtol=1e-4, atol=1e-5)
    assert set(weights) == {(Role.CROSS, 1)}
    assert weights[Role.CROSS, 1].dtype == torch.float32


@pytest.mark.parametrize(("rows", "count"), [([0, 1], 4), ([2], 0), ([0, 1, 2], 4)])
def test_the_count_is_that_of_linked_target_subwords(rows: list[int], count: int) -> None:
    """Subwords 0 and 1 of row 0 are linked, and 0 and 2 of row 1."""
    model, batch = tiny_model().eval(), tiny_batch(rows)
    supervision = AlignmentSupervision(AlignmentSupervisionConfig(weight=0.25), num_layers=2)
    states, weights = model.decoder_states(
        batch.target, model.encode(batch.source), weights_of=supervision.weights_of
    )
    loss, linked = supervision(batch, states, weights)
    assert linked == count
    links = batch.links
    assert links is not None
    expected = alignment_loss(weights[Role.CROSS, 1][:, 0], links, use_input_row=True)
    assert torch.equal(loss, expected), "the weight is applied elsewhere"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"))


def after_one_step(
    corpus: PreparedCorpus, losses: list[AuxiliaryLoss], *, max_tokens: int
) -> TranslationModule:
    """A model after one optimizer step over the whole corpus, by micro-batches of a size."""
    model = tiny_model(vocab_size=corpus.tokenizers.target.vocab_size)
    optimizer = OptimizerConfig(clip_norm=0.0)
    module = tiny_module(model, optimizer=optimizer, auxiliary_losses=losses)
    fit(module, corpus, max_steps=1, max_tokens=max_tokens, accumulate=10_000)
    return module


def test_micro_batches_change_nothing_and_supervision_something(corpus: PreparedCorpus) -> None:
    config = AlignmentSupervisionConfig(weight=2.0)
    losses: list[AuxiliaryLoss] = [AlignmentSupervision(config, num_layers=2)]
    whole, parts = [after_one_step(corpus, losses, max_tokens=size) for size in (2048, 64)]
    plain = after_one_step(corpus, [], max_tokens=2048)
    assert whole.gradient_norm == pytest.approx(parts.gradient_norm, rel=1e-4)
    assert whole.gradient_norm != pytest.approx(plain.gradient_norm, rel=1e-2)
    first, second = whole.sums.means(), parts.sums.means()
    assert first == pytest.approx(second, rel=1e-4)
    assert set(first) - set(plain.sums.means()) == {"train/alignment_loss"}
    assert 1 < first["train/alignment_loss"] < 4  # over 4 to 10 symbols, in nats
