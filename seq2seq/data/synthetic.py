"""Generated corpora with one right answer, by name. Imports nothing slow."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from seq2seq.data.config import CORPORA, NUM_SPECIALS, DataConfig, TokenizerConfig, TokenizerKind
from seq2seq.options import LARGEST_SEED, in_range, number

LAG = (
    2  # of the task chain: opening symbols, and outputs between an output and what it follows from
)
COMMANDS = ("a", "b", "c", "d", "e")  # of the task chain
MAX_COUNTED = 64  # symbols; of longer sequences the number takes long to compute
MAX_TONE, MAX_SILENCE = 4, 2  # frames of a tone and of the silence after it


class GeneratedTask(Enum):
    """Tasks with one right answer; `seq2seq.data.sources.generated` describes them."""

    reverse = "reverse"
    copy = "copy"
    pointer = "pointer"
    chain = "chain"


@CORPORA.register
@dataclass
class GeneratedConfig(DataConfig):
    """Sequences of symbols with known answers, drawn from a seed. No source stands in two splits.

    Attributes:
        task: reverse, copy, pointer or chain.
        num_symbols: distinct symbols, s1, s2 and so on.
        min_length, max_length: symbols in a source.
        num_train, num_validation, num_test: pairs of each split.
        seed: of the pairs.
    """

    name: str = "generated"
    source_language: str = "symbols"
    target_language: str = "symbols"
    task: GeneratedTask = GeneratedTask.reverse
    num_symbols: int = number(16, at_least=1)
    min_length: int = number(4, at_least=1)
    max_length: int = number(10, at_least=1)
    num_train: int = number(20_000, at_least=1)
    num_validation: int = number(500, at_least=1)
    num_test: int = number(500, at_least=1)
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    max_source_length: int = number(32, at_least=2)
    max_target_length: int = number(32, at_least=2)
    tokenizer: TokenizerConfig = field(
        default_factory=lambda: TokenizerConfig(kind=TokenizerKind.word, vocab_size=128)
    )

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if problems:
            return problems
        shortest = LAG + 1 if self.task is GeneratedTask.chain else 1
        if not shortest <= self.min_length <= self.max_length:
            problems.append(
                f"min_length: must be from {shortest} to data.max_length={self.max_length}, not "
                f"{self.min_length}; choose another"
            )
        smallest = self.max_length if self.task is GeneratedTask.pointer else 2
        if self.num_symbols < smallest:
            problems.append(
                f"num_symbols: must be at least {smallest} for data.max_length={self.max_length} "
                f"of this task, not {self.num_symbols}; choose more"
            )
        if min(self.max_source_length, self.max_target_length) <= self.max_length:
            problems.append(
                f"max_source_length: must be more than data.max_length={self.max_length}, as "
                "data.max_target_length must; raise both"
            )
        problems += self._vocabulary_problems()
        return problems or supply_problems(self, "num_symbols", self.number_of_sources)

    def _vocabulary_problems(self) -> list[str]:
        smallest = NUM_SPECIALS + self.num_symbols + len(COMMANDS)
        if self.tokenizer.kind is not TokenizerKind.word:
            return ["tokenizer.kind: must be word, so that a symbol is one subword; choose word"]
        if in_range(self.tokenizer, "vocab_size") and self.tokenizer.vocab_size < smallest:
            return [
                f"tokenizer.vocab_size: must be at least {smallest} for "
                f"data.num_symbols={self.num_symbols}, not {self.tokenizer.vocab_size}"
            ]
        return []

    def number_of_sources(self, length: int) -> int:
        """Different sources of a length."""
        match self.task:
            case GeneratedTask.pointer:
                return int(length**length)
            case GeneratedTask.chain:
                return int(self.num_symbols**LAG) * int(len(COMMANDS) ** (length - LAG))
            case _:
                return int(self.num_symbols**length)

    def has_links(self) -> bool:
        return self.task is not GeneratedTask.chain


@CORPORA.register
@dataclass
class TonesConfig(DataConfig):
    """Sequences of tones in noise, as frames of features, drawn from a seed; targets name them.

    No target is in two splits. `seq2seq.data.sources.tones` describes the frames.

    Attributes:
        num_tones: distinct tones, t1, t2 and so on.
        num_bins: features of a frame.
        min_length, max_length: tones in a source; none occurs twice.
        noise: standard deviation, relative to the amplitude of a tone.
        num_train, num_validation, num_test: pairs of each split.
        seed: of the pairs.
    """

    name: str = "tones"
    source_kind: str = "features"
    source_language: str = "tones"
    target_language: str = "symbols"
    num_tones: int = number(12, at_least=1)
    num_bins: int = number(16, at_least=1)
    min_length: int = number(6, at_least=1)
    max_length: int = number(6, at_least=1)
    noise: float = number(0.1, at_least=0)
    num_train: int = number(6_000, at_least=1)
    num_validation: int = number(200, at_least=1)
    num_test: int = number(500, at_least=1)
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    max_source_length: int = number(64, at_least=2)
    max_target_length: int = number(16, at_least=2)
    tokenizer: TokenizerConfig = field(
        default_factory=lambda: TokenizerConfig(
            kind=TokenizerKind.word, vocab_size=128, joint=False
        )
    )

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if problems:
            return problems
        if self.min_length > self.max_length:
            problems.append(
                f"min_length: must be at most data.max_length={self.max_length}, not "
                f"{self.min_length}"
            )
        if self.num_tones < self.max_length:
            problems.append(
                f"num_tones: must be at least data.max_length={self.max_length}, not "
                f"{self.num_tones}"
            )
        longest = self.max_length * (MAX_TONE + MAX_SILENCE) + MAX_SILENCE
        if self.max_source_length < longest:
            problems.append(
                f"max_source_length: must be at least {longest} frames for "
                f"data.max_length={self.max_length} tones, not {self.max_source_length}"
            )
        if self.max_target_length <= self.max_length:
            problems.append(
                f"max_target_length: must be more than data.max_length={self.max_length}, not "
                f"{self.max_target_length}"
            )
        return problems or supply_problems(self, "num_tones", self.number_of_targets)

    def number_of_targets(self, length: int) -> int:
        """Different targets of a length."""
        return math.perm(self.num_tones, length)

    def has_links(self) -> bool:
        return True


def supply_problems(
    config: GeneratedConfig | TonesConfig, alphabet: str, count: Callable[[int], int]
) -> list[str]:
    """Repeated sequences are drawn again, so at most half of the possible ones can be used.

    Args:
        alphabet: the option with the number of symbols.
        count: number of different sequences of a length.
    """
    needed = config.num_train + config.num_validation + config.num_test
    possible = 0
    for length in range(config.min_length, config.max_length + 1):
        possible += count(min(length, MAX_COUNTED))
        if possible >= 2 * needed:
            return []
    return [
        f"num_train: must be, with data.num_validation and data.num_test, at most {possible // 2:,}"
        f", half of the sequences that data.{alphabet}={getattr(config, alphabet)}, "
        f"data.min_length={config.min_length} and data.max_length={config.max_length} allow, not "
        f"{needed:,}; lower it, or raise data.{alphabet}"
    ]
