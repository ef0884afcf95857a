"""The alignment loss against a plain loop, and what it does to a model of every mechanism that has weights."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from seq2seq.attention.config import AttentionConfig, FullConfig, Role, Weights, mechanisms
from seq2seq.data.batch import Batch, collate
from seq2seq.data.column import Column
from seq2seq.data.config import BatchConfig, GeneratedConfig
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig, TiedEmbeddings
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.position.config import SinusoidalConfig
from seq2seq.training.alignment_supervision import AlignmentSupervision, alignment_loss
from seq2seq.training.config import (
    AlignmentSupervisionConfig,
    OptimizerConfig,
    ScheduleConfig,
    SupervisionKind,
    TrainerConfig,
)
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.module import TranslationModule

SOURCE = [[10, 11, 12], [13, 14, 15, 16, 17], [18, 19]]
TARGET = [[20, 21], [22, 23, 24], [25, 26, 27, 28]]
LINKS = [[(0, 0), (2, 0), (1, 1)], [(4, 2), (0, 0), (1, 0), (2, 0)], []]  # (source, target)
ABLE = {
    name: kind
    for name, kind in mechanisms().items()
    if Role.CROSS in kind.roles and kind.weights is not Weights.NONE
}


def batch(
    rows: list[int], *, source_width: int | None = None, target_width: int | None = None
) -> Batch:
    links = Column.of([[position for link in some for position in link] for some in LINKS])
    widths = {"source_width": source_width, "target_width": target_width}
    return collate(Column.of(SOURCE), Column.of(TARGET), np.array(rows), links=links, **widths)


def build(
    cross: AttentionConfig | None = None, *, vocab_size: int = 30, dropout: float = 0.0
) -> Transformer:
    torch.manual_seed(1)
    config = ModelConfig(
        d_model=16,
        num_heads=2,
        d_ff=16,
        dropout=dropout,
        tied_embeddings=TiedEmbeddings.none,
        max_source_length=32,
        max_target_length=32,
        position=SinusoidalConfig(),
        encoder=EncoderConfig(1, FullConfig()),
        decoder=DecoderConfig(2, FullConfig(), cross or FullConfig()),
    )
    return build_transformer(
        config, source=VocabularySpec(vocab_size), target_vocab_size=vocab_size, seed=1
    )


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
    given = batch(rows)
    assert given.links is not None
    shape = (len(rows), given.target.ids.size(1), given.source.ids.size(1))
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(3)).softmax(-1)
    found = alignment_loss(weights, given.links, use_input_row=use_input_row)
    assert float(found) == pytest.approx(
        by_a_loop(weights, rows, use_input_row=use_input_row), rel=1e-5
    )
    assert found.dtype == torch.float32
    if rows == [2]:
        assert float(found) == 0


def test_a_weight_of_zero_gives_a_finite_loss_and_finite_gradients() -> None:
    given = batch([0, 1, 2])
    assert given.links is not None
    weights = torch.zeros(3, 6, 7, requires_grad=True)
    loss = alignment_loss(weights, given.links, use_input_row=True)
    (gradient,) = torch.autograd.grad(loss, weights)
    assert loss.isfinite() and gradient.isfinite().all()


def guided_loss(
    model: Transformer, given: Batch, *, use_input_row: bool = True, head: int = 1, layer: int = -2
) -> Tensor:
    config = AlignmentSupervisionConfig(
        kind=SupervisionKind.links, weight=1.0, layer=layer, head=head, use_input_row=use_input_row
    )
    guide = AlignmentSupervision(config, num_layers=2)
    _, weights = model.decoder_states(
        given.target, model.encode(given.source), weights_of=guide.weights_of
    )
    return guide.loss(weights, given.links)


@pytest.mark.parametrize("use_input_row", [False, True])
@pytest.mark.parametrize("name", ABLE)
def test_padding_cannot_be_seen(name: str, use_input_row: bool) -> None:
    model = build(ABLE[name]()).eval()
    whole = guided_loss(
        model, batch([0, 1, 2], source_width=12, target_width=9), use_input_row=use_input_row
    )
    alone = [guided_loss(model, batch([row]), use_input_row=use_input_row) for row in range(3)]
    torch.testing.assert_close(whole, torch.stack(alone).sum(), rtol=1e-4, atol=1e-5)
    assert whole > 0


@pytest.mark.parametrize("name", ABLE)
def test_it_is_the_chosen_head_of_the_chosen_layer_that_is_taught(name: str) -> None:
    """Gradients reach the queries of that head and of no other, and nothing of the layers above."""
    model = build(ABLE[name]()).train()
    guided_loss(model, batch([0, 1, 2])).backward()
    attention = [layer.cross_attention for layer in model.decoder.stack]
    rows = attention[0].query_key_value.weight.grad
    assert rows is not None and rows.isfinite().all()
    of_queries = rows[:16].view(2, 8, 16).abs().amax((1, 2))
    assert of_queries[1] > 1e-6
    assert of_queries[0] == 0
    assert rows[16 : 16 + attention[0].query_key_value.sizes[1]].abs().amax() > 1e-6, "keys"
    assert attention[1].query_key_value.weight.grad is None
    assert attention[0].output.weight.grad is None, "the weights do not pass through values"
    assert model.encoder.layers[0].attention.query_key_value.weight.grad is not None


@pytest.mark.parametrize("name", ABLE)
def test_asking_for_weights_leaves_the_states_as_they_are(name: str) -> None:
    model, given = build(ABLE[name]()).train(), batch([0, 1, 2])
    valid = given.target.padding.valid()
    plain, _ = model.decoder_states(given.target, model.encode(given.source))
    asked, weights = model.decoder_states(
        given.target, model.encode(given.source), weights_of=frozenset({(Role.CROSS, 1)})
    )
    torch.testing.assert_close(asked[valid], plain[valid], rtol=1e-4, atol=1e-5)
    assert set(weights) == {(Role.CROSS, 1)}
    assert weights[Role.CROSS, 1].dtype == torch.float32


def test_the_report_is_the_mean_over_supervised_targets_before_the_weight() -> None:
    model = build().eval()
    config = AlignmentSupervisionConfig(kind=SupervisionKind.links, weight=0.25)
    guide = AlignmentSupervision(config, num_layers=2)
    total = 0.0
    for rows in ([0, 1], [2]):
        given = batch(rows)
        _, weights = model.decoder_states(
            given.target, model.encode(given.source), weights_of=guide.weights_of
        )
        total += guide.loss(weights, given.links).item() / 0.25
    state = guide.state()
    assert guide.take_report() == {
        "train/alignment_loss": pytest.approx(total / 4)
    }  # targets 0 and 1, and 0 and 2
    assert guide.take_report() == {"train/alignment_loss": 0.0}
    guide.load(state)
    assert guide.take_report() == {"train/alignment_loss": pytest.approx(total / 4)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    folder = tmp_path_factory.mktemp("cache")
    return prepare(
        GeneratedConfig(num_train=60, num_validation=1, num_test=1, cache_dir=str(folder))
    )


def after_one_step(
    corpus: PreparedCorpus, guide: AlignmentSupervisionConfig, *, max_tokens: int
) -> TranslationModule:
    """A model after one optimizer step over the whole corpus, in micro-batches of so many tokens."""
    model = build(vocab_size=corpus.tokenizers.target.vocab_size)
    module = TranslationModule(
        model,
        optimizer=OptimizerConfig(clip_norm=0.0),
        schedule=ScheduleConfig(warmup_steps=0),
        seed=1,
        max_bad_steps=1,
        alignment_supervision=guide,
    )
    options = TrainerConfig(max_steps=1, accumulate=10_000, bleu_lines=0)
    data = GeneratedConfig(batch=BatchConfig(max_tokens=max_tokens))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module, datamodule=TranslationData(corpus, data, options, seed=1))
    return module


@pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"
)
def test_micro_batches_change_nothing_and_guidance_something(corpus: PreparedCorpus) -> None:
    guide = AlignmentSupervisionConfig(kind=SupervisionKind.links, weight=2.0)
    whole, parts = [after_one_step(corpus, guide, max_tokens=size) for size in (2048, 64)]
    plain = after_one_step(corpus, AlignmentSupervisionConfig(), max_tokens=2048)
    assert whole.gradient_norm == pytest.approx(parts.gradient_norm, rel=1e-4)
    assert whole.gradient_norm != pytest.approx(plain.gradient_norm, rel=1e-2)
    first, second = whole.take_report(), parts.take_report()
    assert first == pytest.approx(second, rel=1e-4)
    assert set(first) - set(plain.take_report()) == {"train/alignment_loss"}
    assert (
        1 < first["train/alignment_loss"] < 4
    )  # a new model looks at all of 4 to 10 symbols alike


def test_a_checkpoint_of_a_run_without_guidance_is_what_it_was(tmp_path: Path) -> None:
    options = {
        "optimizer": OptimizerConfig(),
        "schedule": ScheduleConfig(),
        "seed": 1,
        "max_bad_steps": 1,
    }
    for config, keys in (
        (AlignmentSupervisionConfig(), {"totals", "bad_steps", "tokens"}),
        (
            AlignmentSupervisionConfig(kind=SupervisionKind.links),
            {"totals", "bad_steps", "tokens", "guide"},
        ),
    ):
        module = TranslationModule(build(), alignment_supervision=config, **options)  # type: ignore[arg-type]
        checkpoint: dict[str, dict[str, object]] = {}
        module.on_save_checkpoint(checkpoint)
        assert set(checkpoint["report"]) == keys
        module.on_load_checkpoint(checkpoint)
