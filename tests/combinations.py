"""Every combination of the three attentions and the positions that can be typed, read from the registries."""

import itertools
import random
from dataclasses import astuple, dataclass
from functools import cache

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig

CANDIDATES = 50


@dataclass(frozen=True)
class Combination:
    """The names of `encoder_attention=`, `decoder_attention=`, `cross_attention=` and `position=`."""

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
        """With their default options."""
        names = {Role.ENCODER: self.encoder, Role.CAUSAL: self.decoder, Role.CROSS: self.cross}
        return [(role, MECHANISMS[name]()) for role, name in names.items()]

    def scheme(self) -> PositionConfig:
        return POSITION_SCHEMES[self.position]()

    @property
    def offered(self) -> bool:
        """Every mechanism can serve where it stands, so that the command line knows the names."""
        return all(role in config.roles for role, config in self.choices())

    @property
    def legal(self) -> bool:
        """And both self-attentions can carry the positions."""
        return self.offered and not self.lost_positions()

    def lost_positions(self) -> list[Role]:
        """Roles that cannot carry the positions."""
        kind = self.scheme().kind
        return [
            role
            for role, config in self.choices()
            if role is not Role.CROSS and not config.carries(kind)
        ]

    def pairs(self) -> set[tuple[int, str, int, str]]:
        """Any two of the four choices."""
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
    """The same few every time: each is the one of some random ones that holds most pairs of choices not held before."""
    randomness, seen, found = (
        random.Random(1),
        set[tuple[int, str, int, str]](),
        list[Combination](),
    )
    while len(found) < min(count, len(combinations)):
        candidates = randomness.sample(combinations, min(CANDIDATES, len(combinations)))
        found.append(max(candidates, key=lambda combination: len(combination.pairs() - seen)))
        seen |= found[-1].pairs()
    return found
