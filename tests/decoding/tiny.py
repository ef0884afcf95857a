"""Tiny models with random weights, and plain searches to compare with."""

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.decoding.config import DecodingConfig
from seq2seq.decoding.ensemble import Ensemble
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.length_penalty import penalty
from seq2seq.decoding.search import score_targets, search
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig, TiedEmbeddings
from seq2seq.model.frontend import FeatureSpec, VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.padding import BOS_ID, EOS_ID, PAD_ID, UNK_ID, SourceBatch, Tokens
from seq2seq.position.config import PositionConfig, SinusoidalConfig

UNK, PAD, BOS, EOS, FIRST = UNK_ID, PAD_ID, BOS_ID, EOS_ID, 4


def tiny(
    *,
    encoder: AttentionConfig | None = None,
    causal: AttentionConfig | None = None,
    cross: AttentionConfig | None = None,
    position: PositionConfig | None = None,
    vocab: int = 12,
    seed: int = 0,
    sharpness: float = 3.0,
    layers: int = 2,
    d_model: int = 16,
    num_heads: int = 2,
    longest: int = 24,
    features: int | None = None,
) -> Transformer:
    """A model whose predictions differ between sources and prefixes, in evaluation mode.

    Args:
        features: floats in a frame, of a model that reads frames; None for one that reads tokens.
    """
    torch.manual_seed(seed)
    config = ModelConfig(
        d_model=d_model,
        num_heads=num_heads,
        d_ff=2 * d_model,
        dropout=0.1,
        tied_embeddings=TiedEmbeddings.none,
        max_source_length=longest,
        max_target_length=longest,
        position=position or SinusoidalConfig(),
        encoder=EncoderConfig(num_layers=layers, self_attention=encoder or FullConfig()),
        decoder=DecoderConfig(
            num_layers=layers,
            self_attention=causal or FullConfig(),
            cross_attention=cross or FullConfig(),
        ),
    )
    spec = VocabularySpec(vocab) if features is None else FeatureSpec(features)
    model = build_transformer(config, source=spec, target_vocab_size=vocab, seed=seed).eval()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(1.5)
        model.output.weight.mul_(sharpness)
    return model


def mechanisms_in_every_role() -> dict[str, dict[str, AttentionConfig]]:
    """By name, the arguments of `tiny` that put a mechanism in all roles that it may serve."""
    keys = {Role.ENCODER: "encoder", Role.CAUSAL: "causal", Role.CROSS: "cross"}
    return {name: {keys[role]: kind() for role in kind.roles} for name, kind in MECHANISMS.items()}


def sources(lengths: list[int], *, vocab: int = 12, seed: int = 0) -> Tokens:
    """Random sentences of these lengths, without the sentence end that follows."""
    generator = torch.Generator().manual_seed(seed)
    rows = [
        torch.randint(FIRST, vocab, (length,), generator=generator).tolist() + [EOS]
        for length in lengths
    ]
    return Tokens.of(rows, pad_id=PAD)


def one(source: Tokens, row: int) -> Tokens:
    """A sentence alone, without padding."""
    return Tokens.of([source.ids[row, : int(source.padding.lengths[row])].tolist()], pad_id=PAD)


def search_batch(
    models: list[Transformer], source: SourceBatch, config: DecodingConfig, **options: Any
) -> list[list[Hypothesis]]:
    """Encode a batch and search for its translations."""
    ensemble = Ensemble(models)
    return search(ensemble, ensemble.encode(source), config, **options)


def score_batch(
    models: list[Transformer], source: SourceBatch, targets: list[list[int]]
) -> list[Tensor]:
    """Encode a batch and score these translations, without special ids."""
    ensemble = Ensemble(models)
    return score_targets(ensemble, ensemble.encode(source), targets)


def whole_logits(model: Transformer, source: Tokens, target: Tokens) -> Tensor:
    """(B, T, V) after each token of whole targets, without caches."""
    states, _ = model.decoder_states(target, model.encode(source))
    logits: Tensor = model.output(states)
    return logits


@torch.inference_mode()
def next_log_probabilities(
    model: Transformer, source: Tokens, prefixes: list[list[int]]
) -> list[list[float]]:
    """log p of every next token after prefixes of one length, by a pass over whole prefixes."""
    repeated = Tokens(
        source.ids.repeat(len(prefixes), 1),
        source.padding.select(torch.zeros(len(prefixes)).long()),
    )
    targets = Tokens.target(prefixes)
    logits = whole_logits(model, repeated, targets)
    values: list[list[float]] = logits[:, -1].double().log_softmax(-1).tolist()
    return values


def score(log_probability: float, length: int, config: DecodingConfig) -> float:
    return log_probability / float(
        penalty(torch.tensor(float(length), dtype=torch.float64), config)
    )


def exhaustive(
    model: Transformer, source: Tokens, config: DecodingConfig, *, limit: int, minimum: int = 0
) -> list[tuple[float, list[int]]]:
    """Score and tokens of every translation of `minimum` to `limit` tokens, best first."""
    vocab = [token for token in range(model.target_vocab_size) if token not in (PAD, BOS, EOS)]
    finished, live = [], [(0.0, list[int]())]
    for length in range(limit + 1):
        values = next_log_probabilities(model, source, [tokens for _, tokens in live])
        if length >= minimum:
            for (total, tokens), row in zip(live, values, strict=True):
                finished.append((score(total + row[EOS], length + 1, config), tokens))
        live = [
            (total + row[token], [*tokens, token])
            for (total, tokens), row in zip(live, values, strict=True)
            for token in vocab
        ]
    return sorted(finished, key=lambda scored: -scored[0])


def plain_beam_search(
    model: Transformer, source: Tokens, config: DecodingConfig, *, limit: int, minimum: int = 0
) -> list[tuple[float, list[int]]]:
    """Beam search on lists, without caches and without an early stop."""
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    finished: list[tuple[float, list[int]]] = []
    for length in itertools.count():
        pool = []
        values = next_log_probabilities(model, source, [tokens for _, tokens in live])
        for (total, tokens), row in zip(live, values, strict=True):
            for token, value in enumerate(row):
                if token not in (PAD, BOS) and not (token == EOS and length < minimum):
                    pool.append((total + value, tokens, token))
        pool.sort(key=lambda continuation: -continuation[0])
        ends = pool if length == limit else pool[: config.beam_size]
        finished += [
            (score(total, length + 1, config), tokens)
            for total, tokens, token in ends
            if token == EOS
        ]
        if length == limit or len(finished) >= config.beam_size:
            return sorted(finished, key=lambda scored: -scored[0])[: config.n_best]
        live = [(total, [*tokens, token]) for total, tokens, token in pool if token != EOS][
            : config.beam_size
        ]
    raise AssertionError


def near(a: float, b: float, tolerance: float = 1e-4) -> bool:
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
