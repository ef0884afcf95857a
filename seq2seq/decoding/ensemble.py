"""One or several models that encode sources and predict the next token together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from seq2seq.attention.softmax_parts import LOG2_E
from seq2seq.errors import ConfigError, UserError
from seq2seq.model.encoder import Encoded
from seq2seq.model.transformer import Transformer
from seq2seq.padding import SourceBatch, Tokens

# Matrix products of MKL round differently over fewer rows (more where they sum over 1,000 or more).
MIN_ROWS = 16
# Batches have a multiple of it, or half of it: products have few different shapes, mostly with
# multiples of 16 rows, which they need not be filled up to.
SENTENCES_STEP = 16
NUMBERS_AT_ONCE = 1 << 19  # that fit into a core's cache, in memory that malloc does not give back


@dataclass(frozen=True)
class EncodedSources:
    """A batch of N sources, encoded by every model of an ensemble.

    Sources are repeated up to MIN_ROWS rows, so that a source is encoded and decoded with the same
    rounding in every batch, and up to a multiple of SENTENCES_STEP.

    Attributes:
        rows: the source of each row; the first N are 0 to N - 1, the others repeat them.
        lengths: (rows,) of the sources in subwords or frames, without </s>.
        by_model: states of all rows.
    """

    rows: list[int]
    lengths: Tensor
    by_model: list[Encoded]
    num_sources: int

    def sources_of(self, model: int) -> Encoded:
        """The N sources as encoded by one model, without repetitions."""
        rows = torch.arange(self.num_sources, device=self.lengths.device)
        return self.by_model[model].select(rows)


class Ensemble:
    """Models over one vocabulary, which predict the mean of their probabilities.

    Args:
        models: in evaluation mode.

    Raises:
        ConfigError: the models read different sources or have different target vocabularies.
    """

    def __init__(self, models: Sequence[Transformer]) -> None:
        assert models, "at least one model"
        vocabularies = {
            f"{model.frontend.spec} and {model.target_vocab_size} subwords" for model in models
        }
        if len(vocabularies) > 1:
            raise ConfigError(
                "models of an ensemble must share source and target vocabulary, not have "
                f"{'; '.join(sorted(vocabularies))}; choose runs trained with the same tokenizers"
            )
        self.models = list(models)
        self.vocab_size = models[0].target_vocab_size
        self.max_source_length = min(model.config.max_source_length for model in models)
        self.max_target_length = min(model.config.max_target_length for model in models)

    @property
    def device(self) -> torch.device:
        return self.models[0].device

    @torch.inference_mode()
    def encode(self, source: SourceBatch) -> EncodedSources:
        """Encode a batch.

        Raises:
            UserError: a source is longer than a model was built for.
        """
        assert not any(model.training for model in self.models), (
            "models are decoded in evaluation mode"
        )
        num_sources = len(source.padding.lengths)
        assert num_sources, "at least one source"
        filled = filled_up_sentences(max(num_sources, MIN_ROWS))
        rows = [row % num_sources for row in range(filled)]
        source = source.select(torch.tensor(rows, device=source.padding.lengths.device))
        source = source.to(self.device)
        lengths = source.padding.lengths
        if isinstance(source, Tokens):
            lengths = (lengths - 1).clamp(min=0)
        by_model = [model.encode(source) for model in self.models]
        return EncodedSources(rows, lengths, by_model, num_sources)


def filled_up_sentences(number: int) -> int:
    """The number of sentences that a batch of so many is filled up to."""
    half = SENTENCES_STEP // 2
    return half if number <= half else -(-number // SENTENCES_STEP) * SENTENCES_STEP


class EnsembleState:
    """The decoder states of an ensemble's models: one hypothesis per row at first.

    Args:
        capacity: target positions that the caches must hold.
    """

    def __init__(self, ensemble: Ensemble, encoded: EncodedSources, *, capacity: int) -> None:
        self.models = ensemble.models
        self.vocab_size = ensemble.vocab_size
        self.states = [
            model.start(states, capacity=capacity)
            for model, states in zip(self.models, encoded.by_model, strict=True)
        ]

    def step(self, tokens: Tensor) -> list[Tensor]:
        """Read the last token of every hypothesis (R,); states (R, D) of each model."""
        pairs = zip(self.models, self.states, strict=True)
        return [model.step_states(tokens[:, None], state)[:, -1] for model, state in pairs]

    def predict(self, states: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Predict the next token of P hypotheses from their states (P, D) of each model.

        Returns:
            logits (P, V), which the caller may overwrite, and their normaliser (P,):
            log p = logits - normaliser. Two tensors save a pass over the vocabulary.
        """
        logits = [
            model.output(state).float() for model, state in zip(self.models, states, strict=True)
        ]
        if len(logits) == 1:
            return logits[0], log_sum(logits[0])
        mean = log_mean([model_logits.log_softmax(-1) for model_logits in logits])
        return mean, mean.new_zeros(mean.size(0))

    def reorder(self, rows: Tensor, sentences: Tensor | None) -> None:
        """See `DecoderState.reorder`."""
        for state in self.states:
            state.reorder(rows, sentences)


def log_sum(logits: Tensor) -> Tensor:
    """logsumexp (P,) of (P, V), NaN where it is not finite.

    Powers of two take half of the time of exponentials, and torch's care for infinite logits as
    much again.
    """
    parts = []
    for part in logits.split(max(NUMBERS_AT_ONCE // logits.size(1), 1)):
        largest = part.amax(-1, keepdim=True)
        powers = torch.add(largest * -LOG2_E, part, alpha=LOG2_E).exp2_()
        parts.append(powers.sum(-1).log_().add_(largest.squeeze(-1)))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def log_mean(log_probabilities: list[Tensor]) -> Tensor:
    """Logarithm of the mean of probabilities, from their logarithms."""
    return reduce(torch.logaddexp, log_probabilities) - math.log(len(log_probabilities))


def ensure_finite_predictions(normaliser: Tensor) -> None:
    """Raise UserError where a model's predictions are infinite or NaN."""
    if not math.isfinite(float(normaliser.sum(dtype=torch.float64))):
        raise UserError(
            "the model's predictions are not finite, so nothing can be decoded: its training "
            "diverged or its file is damaged; choose another checkpoint"
        )
