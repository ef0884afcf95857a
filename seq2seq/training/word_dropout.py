"""Word dropout; see `WordDropoutConfig`."""

from dataclasses import replace

import torch

from seq2seq.data.batch import Batch
from seq2seq.padding import EOS_ID, UNK_ID, Tokens


class WordDropout:
    """Replaces tokens of a batch by <unk>.

    Args:
        source, target: probability of each token; a source of frames needs 0.
    """

    def __init__(self, *, source: float, target: float) -> None:
        self.source, self.target = source, target

    def __call__(self, batch: Batch) -> Batch:
        source = batch.source
        if self.source:
            assert isinstance(source, Tokens), "only tokens can be replaced by <unk>"
            source = drop_words(source, self.source)
        target = drop_words(batch.target, self.target) if self.target else batch.target
        return replace(batch, source=source, target=target)


def drop_words(tokens: Tokens, probability: float) -> Tokens:
    """Replace each token that is not special by <unk> with a probability."""
    drawn = torch.rand(tokens.ids.shape, device=tokens.ids.device) < probability
    return replace(tokens, ids=tokens.ids.masked_fill(drawn & (tokens.ids > EOS_ID), UNK_ID))
