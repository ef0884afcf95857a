"""Small models trained on the generated tasks, in this process."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from seq2seq.attention.base import AttentionOutput
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.data.synthetic import GeneratedConfig, GeneratedTask
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.translate import Translator
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.position.config import SinusoidalConfig
from seq2seq.training.callback import as_translation
from seq2seq.training.datamodule import training_data
from seq2seq.training.optimizer_config import OptimizerConfig, ScheduleConfig, ScheduleKind
from tests.training.tiny import fit, tiny_module

ENOUGH = 0.995
OPTIONS: dict[GeneratedTask, dict[str, int]] = {
    GeneratedTask.copy: {},
    GeneratedTask.reverse: {},
    GeneratedTask.pointer: {"min_length": 6},
    GeneratedTask.chain: {"num_symbols": 12, "min_length": 8, "max_length": 12},
}


def corpus_of(task: GeneratedTask, folder: Path) -> PreparedCorpus:
    """The corpus of a task as in conf/data, with fewer test sequences."""
    config = GeneratedConfig(task=task, num_test=300, cache_dir=str(folder))
    config.tokenizer = TokenizerConfig(kind=TokenizerKind.word, vocab_size=128)
    return prepare(replace(config, **OPTIONS[task]))


def build(
    corpus: PreparedCorpus,
    mechanisms: dict[Role, AttentionConfig] | None = None,
    *,
    d_model: int = 64,
    num_heads: int = 4,
) -> Transformer:
    """A model with one encoder and one decoder layer."""
    chosen = dict.fromkeys(Role, FullConfig()) | (mechanisms or {})
    config = ModelConfig(
        d_model=d_model,
        num_heads=num_heads,
        d_ff=2 * d_model,
        dropout=0.0,
        max_source_length=32,
        max_target_length=32,
        position=SinusoidalConfig(),
        encoder=EncoderConfig(1, chosen[Role.ENCODER]),
        decoder=DecoderConfig(1, chosen[Role.CAUSAL], chosen[Role.CROSS]),
    )
    torch.manual_seed(1)
    vocab_size = corpus.tokenizers.target.vocab_size
    return build_transformer(
        config, source=VocabularySpec(vocab_size), target_vocab_size=vocab_size, seed=1
    )


def silence(model: Transformer, role: Role) -> None:
    """Make the attention of a role output zeros, in training and in decoding."""

    def zero(
        module: nn.Module, inputs: tuple[Tensor, ...], output: AttentionOutput
    ) -> AttentionOutput:
        return AttentionOutput(torch.zeros_like(output.context), output.weights)

    for module in model.modules():
        if isinstance(module, MultiHeadAttention) and module.role is role:
            module.register_forward_hook(zero)


def exact(model: Transformer, corpus: PreparedCorpus) -> float:
    """Share of test sequences whose greedy translation is exactly right."""
    translator = Translator([model.eval()], corpus.tokenizers, DecodingConfig(beam_size=1))
    hypotheses = [x.text for x in translator.translate(corpus.test.pairs.source)]
    correct = sum(map(str.__eq__, hypotheses, corpus.test.pairs.target))
    return correct / len(hypotheses)


class StopWhenLearned(Callback):
    """Ends training once the task is learned.

    Args:
        every: steps between two evaluations.

    Attributes:
        share: of test sequences that were exact at the last evaluation.
    """

    def __init__(self, corpus: PreparedCorpus, every: int) -> None:
        self.corpus, self.every = corpus, every
        self.share = 0.0

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        step = trainer.global_step
        if step % self.every == 0 or step == training_data(trainer).stream.num_steps:
            model = as_translation(pl_module).model
            self.share = exact(model, self.corpus)
            trainer.should_stop = self.share >= ENOUGH
            model.train()


def learn(
    model: Transformer, corpus: PreparedCorpus, *, max_steps: int, check_every: int = 250
) -> float:
    """Train until the task is learned, at most max_steps; returns the share of exact sequences."""
    module = tiny_module(
        model,
        optimizer=OptimizerConfig(
            learning_rate=3e-3, beta2=0.999, epsilon=1e-8, label_smoothing=0.0
        ),
        schedule=ScheduleConfig(kind=ScheduleKind.inverse_sqrt, warmup_steps=200),
    )
    stop = StopWhenLearned(corpus, check_every)
    fit(module, corpus, max_steps=max_steps, max_tokens=512, callbacks=[stop])
    return stop.share
