"""Small models trained on the generated tasks, in this process."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionOutput
from seq2seq.attention.config import AttentionConfig, FullConfig, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.data.config import (
    BatchConfig,
    GeneratedConfig,
    GeneratedTask,
    TokenizerConfig,
    TokenizerKind,
)
from seq2seq.data.loader import TrainLoader
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.translate import Translator
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.position.config import SinusoidalConfig
from seq2seq.training.config import ScheduleConfig, ScheduleKind
from seq2seq.training.schedule import learning_rate_factor

ENOUGH = 0.995
OPTIONS: dict[GeneratedTask, dict[str, int]] = {
    GeneratedTask.copy: {},
    GeneratedTask.reverse: {},
    GeneratedTask.pointer: {"min_length": 6},
    GeneratedTask.chain: {"num_symbols": 12, "min_length": 8, "max_length": 12},
}


def corpus_of(task: GeneratedTask, folder: Path) -> PreparedCorpus:
    """The task as its file in conf/data has it, with fewer test sequences."""
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
    """One layer a side."""
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
    vocab_size = corpus.tokenizers.source.vocab_size
    return build_transformer(
        config, source=VocabularySpec(vocab_size), target_vocab_size=vocab_size, seed=1
    )


def silence(model: Transformer, role: Role) -> None:
    """Zero what the attention of a role adds, in training and in decoding."""

    def zero(
        module: nn.Module, given: tuple[Tensor, ...], output: AttentionOutput
    ) -> AttentionOutput:
        return AttentionOutput(torch.zeros_like(output.context), output.weights)

    for module in model.modules():
        if isinstance(module, MultiHeadAttention) and module.role is role:
            module.register_forward_hook(zero)


def exact(model: Transformer, corpus: PreparedCorpus) -> float:
    """Share of test sequences that greedy search gets wholly right."""
    translator = Translator([model.eval()], corpus.tokenizers, DecodingConfig(beam_size=1))
    found = [translation.text for translation in translator.translate(corpus.test.pairs.source)]
    right = sum(a == b for a, b in zip(found, corpus.test.pairs.target, strict=True))
    return right / len(found)


def learn(
    model: Transformer, corpus: PreparedCorpus, *, max_steps: int, check_every: int = 250
) -> float:
    """Train until the task is learned or the steps are used up; returns the share of exact sequences."""
    loader = TrainLoader(corpus.train, BatchConfig(max_tokens=512), seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0, fused=True)
    schedule = ScheduleConfig(kind=ScheduleKind.inverse_sqrt, warmup_steps=200)
    step, share = 0, 0.0
    while step < max_steps:
        for batch in loader:
            model.train().begin_step(step)
            optimizer.param_groups[0]["lr"] = 3e-3 * learning_rate_factor(
                step, schedule, max_steps=max_steps
            )
            states, _ = model.decoder_states(batch.target, model.encode(batch.source))
            valid = batch.target.padding.valid()
            loss = model.output.loss(states[valid], batch.labels[valid], smoothing=0.0)
            (loss.total / batch.step_target_tokens).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            if step % check_every == 0 or step == max_steps:
                share = exact(model, corpus)
                if share >= ENOUGH or step == max_steps:
                    return share
    return share
