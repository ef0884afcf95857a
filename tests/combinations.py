"""Every combination of three mechanisms and a position scheme, from the registries."""

import itertools
import random
from dataclasses import astuple, dataclass
from functools import cache

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig

CANDIDATES = 50


@dataclass(frozen=True)
class Combination:
    """Names of the mechanism of each role and of the position scheme."""

    encoder: str
    decoder: str
    cross: str
    position: str

    def __str__(self) -> str:
        return "-".join(astuple(self))

    def overrides(self) -> list[str]:
        return [
            f"encoder_attention={self.encoder}",
            f"decoder_attention={self.decoder}",
            f"cross_attention={self.cross}",
            f"position={self.position}",
        ]

    def choices(self) -> list[tuple[Role, AttentionConfig]]:
        """The mechanism of each role, with default options."""
        names = {Role.ENCODER: self.encoder, Role.CAUSAL: self.decoder, Role.CROSS: self.cross}
        return [(role, MECHANISMS[name]()) for role, name in names.items()]

    def scheme(self) -> PositionConfig:
        return POSITION_SCHEMES[self.position]()

    @property
    def offered(self) -> bool:
        """Whether each mechanism can serve its role, so that the command line offers it."""
        return all(role in config.roles for role, config in self.choices())

    @property
    def legal(self) -> bool:
        """Whether it is offered, and both self-attentions carry the position scheme."""
        return self.offered and not self.lost_positions()

    def lost_positions(self) -> list[Role]:
        """The self-attention roles whose mechanism cannot carry the position scheme."""
        kind = self.scheme().kind
        return [
            role
            for role, config in self.choices()
            if role is not Role.CROSS and not config.carries(kind)
        ]

    def pairs(self) -> set[tuple[int, str, int, str]]:
        """Every pair of two of the four choices."""
        return {
            (i, a, j, b) for (i, a), (j, b) in itertools.combinations(enumerate(astuple(self)), 2)
        }


@cache
def every_combination() -> list[Combination]:
    names = list(MECHANISMS)
    return [
        Combination(*names) for names in itertools.product(names, names, names, POSITION_SCHEMES)
    ]


@cache
def legal_combinations() -> list[Combination]:
    return [combination for combination in every_combination() if combination.legal]


def sample(combinations: list[Combination], count: int) -> list[Combination]:
    """The same few in every call, chosen so that they hold many pairs of choices.

    Each is the one of CANDIDATES random combinations with the most pairs that are new.
    """
    randomness = random.Random(1)
    pairs: set[tuple[int, str, int, str]] = set()
    sampled: list[Combination] = []
    while len(sampled) < min(count, len(combinations)):
        candidates = randomness.sample(combinations, min(CANDIDATES, len(combinations)))
        sampled.append(max(candidates, key=lambda combination: len(combination.pairs() - pairs)))
        pairs |= sampled[-1].pairs()
    return sampled
