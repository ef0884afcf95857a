"""How translations are searched for. Imports no torch."""

import enum
from dataclasses import dataclass


class DecodingMethod(enum.Enum):
    beam = "beam"  # the likeliest translations; greedy is beam_size 1
    sampling = "sampling"  # translations drawn at random


class LengthPenalty(enum.Enum):
    """What the log-probability of a hypothesis is divided by; `length_penalty.py` has the formulas."""

    none = "none"
    average = "average"
    gnmt = "gnmt"


@dataclass
class DecodingConfig:
    """Options of `seq2seq.decoding.search`. Lengths are in subwords, without the sentence end.

    Attributes:
        method: beam search or sampling.
        beam_size: hypotheses kept for each sentence by beam search. 1 is greedy search.
        n_best: translations returned for each sentence: at most beam_size by beam search, any number by sampling.
        length_penalty, alpha: how hypotheses of different lengths are compared; a greater alpha favours longer ones.
        max_length_ratio, max_length_offset: a translation ends at ratio * source length + offset, and never later than
            model.max_target_length allows.
        min_length, min_length_ratio: it does not end before either, the ratio being to the source length. A minimum
            goes before max_length_ratio and max_length_offset, not before the model's own limit.
        temperature: of sampling: logits are divided by it, so below 1 likely tokens get likelier.
        top_k: sample among the so many likeliest tokens; None for all.
        top_p: sample among the fewest likeliest tokens that together have this probability; 1 for all.
        seed: of sampling. What is drawn for a sentence depends on it and on the sentence's number, on nothing else.
        allow_unknown: let <unk> be produced.
        batch_size: sentences decoded together at most.
        batch_tokens: source subwords times hypotheses decoded together at most. Neither changes what comes out.
    """

    method: DecodingMethod = DecodingMethod.beam
    beam_size: int = 5
    n_best: int = 1
    length_penalty: LengthPenalty = LengthPenalty.average
    alpha: float = 1.0
    max_length_ratio: float = 2.0
    max_length_offset: int = 20
    min_length: int = 0
    min_length_ratio: float = 0.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 1
    allow_unknown: bool = False
    batch_size: int = 128
    batch_tokens: int = 8192

    @property
    def hypotheses(self) -> int:
        """Rows of the decoder that one sentence takes."""
        return self.n_best if self.method is DecodingMethod.sampling else self.beam_size

    def problems(self) -> list[str]:
        """What is wrong with these options, each as "option: what; what to choose"."""
        return self._size_problems() + self._length_problems() + self._sampling_problems()

    def _size_problems(self) -> list[str]:
        names = ("beam_size", "n_best", "batch_size", "batch_tokens")
        found = [
            f"{name}: must be at least 1, not {getattr(self, name)}"
            for name in names
            if getattr(self, name) < 1
        ]
        if self.method is DecodingMethod.beam and self.n_best > max(self.beam_size, 1):
            found.append(
                f"n_best: a beam of {self.beam_size} has no {self.n_best} hypotheses; choose at most beam_size"
            )
        return found

    def _length_problems(self) -> list[str]:
        names = ("alpha", "max_length_ratio", "max_length_offset", "min_length", "min_length_ratio")
        found = [
            f"{name}: must not be negative, as {getattr(self, name)} is; choose 0 or more"
            for name in names
            if not getattr(self, name) >= 0
        ]
        if not found and self.max_length_ratio == 0 and self.max_length_offset == 0:
            found.append(
                "max_length_offset: 0 leaves no room with max_length_ratio=0; choose at least 1"
            )
        if self.length_penalty is LengthPenalty.none and self.alpha != 1:
            found.append(
                "alpha: length_penalty=none has none; choose length_penalty=average or gnmt, or leave alpha at 1"
            )
        return found

    def _sampling_problems(self) -> list[str]:
        found = []
        if self.method is not DecodingMethod.sampling:
            changed = {
                "temperature": self.temperature != 1,
                "top_k": self.top_k is not None,
                "top_p": self.top_p != 1,
            }
            return [
                f"{name}: beam search has none; choose method=sampling"
                for name, given in changed.items()
                if given
            ]
        if not self.temperature > 0:
            found.append(
                f"temperature: must be above 0, not {self.temperature}; "
                "for the likeliest tokens choose method=beam with beam_size=1"
            )
        if self.top_k is not None and self.top_k < 1:
            found.append(f"top_k: must be at least 1, not {self.top_k}; null keeps every token")
        if not 0 < self.top_p <= 1:
            found.append(f"top_p: must be above 0 and at most 1, not {self.top_p}")
        return found
