"""Length penalties: a sum of log-probabilities falls with every token, so sums of different lengths are not comparable.

With L tokens, the sentence end among them, a hypothesis scores log p / penalty(L):

    none       1
    average    L ** alpha; with alpha 1 the mean log-probability of a token (Jean et al. 2015, arXiv:1412.2007)
    gnmt       ((5 + L) / 6) ** alpha                             (Wu et al. 2016, arXiv:1609.08144, equation 14)

None of them falls with L, so the log-probability of an unfinished hypothesis over the penalty of the greatest length
is an upper bound of what it can still score.
"""

import torch
from torch import Tensor

from seq2seq.decoding.config import DecodingConfig, LengthPenalty


def penalty(length: Tensor, config: DecodingConfig) -> Tensor:
    """What log-probabilities of so many tokens (any shape), the sentence end among them, are divided by."""
    if config.length_penalty is LengthPenalty.none:
        return torch.ones_like(length)
    if config.length_penalty is LengthPenalty.average:
        return length**config.alpha
    return ((length + 5) / 6) ** config.alpha
