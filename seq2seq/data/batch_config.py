"""How training pairs are grouped into micro-batches. Imports nothing slow."""

from dataclasses import dataclass, field
from itertools import pairwise

from seq2seq.options import LARGEST, Options, in_range, number


@dataclass
class BatchConfig(Options):
    """How training pairs are grouped into micro-batches.

    Attributes:
        max_tokens: maximum number of tokens of a padded micro-batch: the larger of rows * source
            width and rows * target width.
        max_shapes: maximum number of distinct (rows, source width, target width) in an epoch. More
            shapes mean less padding, but kernels are generated for every new shape.
        later_steps: optimizer steps after which max_tokens changes, such as [500,1000]; a new
            epoch begins there.
        later_max_tokens: what it changes to, one number for each of later_steps, which never falls.
        ahead: micro-batches that are made ahead in a thread of their own while others are trained
            on, and wait in memory. They are the same at any number; with BPE-dropout and a GPU, 2
            hides most of the time that making them takes. 0 makes each when it is its turn.
    """

    max_tokens: int = number(2048, at_least=2)
    max_shapes: int = number(64, at_least=2)
    later_steps: list[int] = field(default_factory=list)
    later_max_tokens: list[int] = field(default_factory=list)
    ahead: int = number(0, at_least=0, at_most=16)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        steps, tokens = self.later_steps, self.later_max_tokens
        if any(after <= before for before, after in pairwise([0, *steps])):
            problems.append(
                f"later_steps: must rise, from at least 1, not {steps}; choose such as [500,1000]"
            )
        if len(steps) != len(tokens):
            problems.append(
                f"later_max_tokens: must be one number for each of the {len(steps)} later_steps, "
                f"not {len(tokens)}; give as many of both"
            )
        sizes = [self.max_tokens, *tokens]
        in_order = all(before <= after for before, after in pairwise(sizes))
        if in_range(self, "max_tokens") and not (in_order and max(sizes) <= LARGEST):
            problems.append(
                f"later_max_tokens: must not fall, from max_tokens={self.max_tokens} on, and be at "
                f"most {LARGEST}, not {tokens}; choose such as [{2 * self.max_tokens}]"
            )
        return problems
