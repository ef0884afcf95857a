"""Length penalties, which make log-probabilities of different lengths comparable.

With L tokens, the sentence end among them, a hypothesis scores log p / penalty(L):

    none       1
    average    L ** alpha; alpha 1 gives the mean per token (Jean et al. 2015, arXiv:1412.2007)
    gnmt       ((5 + L) / 6) ** alpha     (Wu et al. 2016, arXiv:1609.08144, equation 14)

No penalty decreases with L, so the log-probability of an unfinished hypothesis divided by the
penalty of the greatest length is an upper bound of the scores it can reach.
"""

from torch import Tensor, ones_like

from seq2seq.decoding.config import DecodingConfig, LengthPenalty


def penalty(length: Tensor, config: DecodingConfig) -> Tensor:
    """The divisor of log-probabilities of `length` tokens, </s> included; any shape."""
    if config.length_penalty is LengthPenalty.none:
        return ones_like(length)
    if config.length_penalty is LengthPenalty.average:
        return length**config.alpha
    return ((length + 5) / 6) ** config.alpha
