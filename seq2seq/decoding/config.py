"""Options of the search for translations. Imports no torch."""

import enum
from dataclasses import dataclass

from seq2seq.options import LARGEST_SEED, Options, Readers, in_range, number


class DecodingMethod(enum.Enum):
    beam = "beam"  # the likeliest translations; greedy search is beam_size 1
    sampling = "sampling"  # random translations


class LengthPenalty(enum.Enum):
    """Divisor of the log-probability of a hypothesis; `length_penalty.py` has the formulas."""

    none = "none"
    average = "average"
    gnmt = "gnmt"


@dataclass
class DecodingConfig(Options):
    """Options of `seq2seq.decoding.search`. Lengths are in subwords, without the sentence end.

    Attributes:
        method: beam search or sampling.
        beam_size: hypotheses kept for each sentence by beam search; 1 is greedy search.
        n_best: translations returned for each sentence: at most beam_size by beam search, any
            number by sampling.
        length_penalty: what log-probabilities of hypotheses are divided by before they are
            compared: nothing, a power of the length (average), or that of Wu et al. 2016 (gnmt).
        alpha: strength of the length penalty; larger values favour longer hypotheses.
        max_length_ratio, max_length_offset: the maximum length is ratio * source length + offset,
            and never more than model.max_target_length allows.
        min_length: minimum length. It has precedence over max_length_ratio and max_length_offset,
            but not over model.max_target_length.
        min_length_ratio: minimum length divided by the source length; see min_length.
        temperature: of sampling: logits are divided by it, so values below 1 favour likely tokens.
        top_k: sample among this number of likeliest tokens; null for all.
        top_p: sample among the fewest likeliest tokens whose probabilities sum to this value; 1
            for all.
        seed: of sampling. The sample for a sentence depends only on it and on the number of the
            sentence.
        allow_unknown: allow <unk> in translations.
        batch_size: maximum number of sentences decoded together; changes the speed only.
        batch_tokens: maximum of source subwords times hypotheses decoded together; changes the
            speed only.
        workers: processes of one thread that translate batches at the same time, on CPUs; 1 for
            this process with all its threads. Changes the speed only.
    """

    method: DecodingMethod = DecodingMethod.beam
    beam_size: int = number(5, at_least=1, at_most=1_000)
    n_best: int = number(1, at_least=1)
    length_penalty: LengthPenalty = LengthPenalty.average
    alpha: float = number(1.0, at_least=0, at_most=5)
    max_length_ratio: float = number(2.0, at_least=0)
    max_length_offset: int = number(20, at_least=0)
    min_length: int = number(0, at_least=0)
    min_length_ratio: float = number(0.0, at_least=0)
    temperature: float = number(1.0, at_least=1e-6)
    top_k: int | None = number(None, at_least=1)
    top_p: float = number(1.0, above=0, at_most=1)
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    allow_unknown: bool = False
    batch_size: int = number(128, at_least=1)
    batch_tokens: int = number(8192, at_least=1)
    workers: int = number(1, at_least=1, at_most=1_000)

    @property
    def hypotheses(self) -> int:
        """Rows of the decoder that one sentence takes."""
        return self.n_best if self.method is DecodingMethod.sampling else self.beam_size

    def problems(self) -> list[str]:
        problems = list(super().problems())
        is_beam = self.method is DecodingMethod.beam
        if is_beam and in_range(self, "n_best", "beam_size") and self.n_best > self.beam_size:
            problems.append(
                f"n_best: must be at most beam_size={self.beam_size}, not {self.n_best}; choose a "
                "larger beam_size"
            )
        if self.max_length_ratio == 0 and self.max_length_offset == 0:
            problems.append(
                "max_length_offset: must be at least 1 with max_length_ratio=0, not 0; choose 20"
            )
        return problems

    def readers(self) -> Readers:
        sampling = (self.method is DecodingMethod.sampling, "choose method=sampling")
        beam = (self.method is DecodingMethod.beam, "choose method=beam")
        penalty = self.length_penalty is not LengthPenalty.none
        return {
            **dict.fromkeys(("temperature", "top_k", "top_p", "seed"), sampling),
            "beam_size": beam,
            "alpha": (penalty, "choose length_penalty=average or length_penalty=gnmt"),
        }
