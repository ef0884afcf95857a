"""One or several models that predict the next token together."""

import math
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from seq2seq.errors import ConfigError, UserError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens


class Ensemble:
    """Models over one vocabulary. Several predict the mean of their probabilities, a distribution like any other.

    Raises:
        ConfigError: the vocabularies are of different sizes.
    """

    def __init__(self, models: Sequence[Transformer]) -> None:
        assert models and not any(model.training for model in models), (
            "search needs models in evaluation mode"
        )
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
        self.device = models[0].device
        self.max_source_length = min(model.config.max_source_length for model in models)
        self.max_target_length = min(model.config.max_target_length for model in models)

    def start(self, source: Tokens, *, capacity: int) -> "Decoders":
        """Read the sources, and be ready to decode `capacity` positions of one hypothesis each."""
        return Decoders(self, source, capacity)


class Decoders:
    """The decoders of an ensemble in the middle of their work on a batch."""

    def __init__(self, ensemble: Ensemble, source: Tokens, capacity: int) -> None:
        self.models = ensemble.models
        self.vocab_size = ensemble.vocab_size
        self.states = [
            model.start(model.encode(source), capacity=capacity) for model in self.models
        ]

    def step(self, tokens: Tensor) -> list[Tensor]:
        """Take in the last token of every hypothesis (R,). Returns states (R, D) of each model, for `predict`."""
        pairs = zip(self.models, self.states, strict=True)
        return [model.step_states(tokens[:, None], state)[:, -1] for model, state in pairs]

    def predict(self, states: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What may follow some of the hypotheses (P), by their states (P, D) of each model.

        Returns:
            logits (P, V), the caller's to write in, and their normaliser (P): log p = logits - normaliser. Keeping
            the two apart saves a pass over the vocabulary.
        """
        logits = [
            model.output(state).float() for model, state in zip(self.models, states, strict=True)
        ]
        if len(logits) == 1:
            return logits[0], logits[0].logsumexp(-1)
        mean = log_mean([each.log_softmax(-1) for each in logits])
        return mean, mean.new_zeros(mean.size(0))

    def reorder(self, rows: Tensor, sentences: Tensor | None) -> None:
        """Let hypothesis i continue old hypothesis rows[i], and keep the sentences given, or all in their order."""
        for state in self.states:
            state.reorder(rows, sentences)


def log_mean(log_probabilities: list[Tensor]) -> Tensor:
    """Logarithm of the mean of probabilities given by their logarithms."""
    return reduce(torch.logaddexp, log_probabilities) - math.log(len(log_probabilities))


def check_finite(normaliser: Tensor) -> None:
    """Raise UserError where a model predicts nothing that can be compared."""
    if not bool(normaliser.isfinite().all()):
        raise UserError(
            "the model's predictions are not finite numbers, so nothing can be decoded; "
            "its training has diverged or its file is damaged: choose another checkpoint"
        )
