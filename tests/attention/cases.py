"""Every mechanism, with several settings of its options, in every role, head grouping and position it can have.

Nothing here names a mechanism: all is read from the configuration classes, so a new one is covered as it is defined.
"""

import copy
import enum
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore, build_core
from seq2seq.attention.config import MECHANISMS, AttentionConfig, AttentionContext, Role, WeightKind
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias, Rotation
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig, PositionKind

NUM_HEADS, HEAD_DIM, MAX_LENGTH = 4, 8, 160
BASE_FIELDS = {field.name for field in fields(AttentionConfig)}


@dataclass(frozen=True)
class Case:
    """One thing to build: a mechanism with its options in a role, and the positions it is given there."""

    config: AttentionConfig
    role: Role
    position: PositionConfig

    def __str__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in own_options(self.config).items())
        role, kv_heads = self.role.name.lower(), self.config.num_kv_heads
        return f"{self.config.name}[{options}]-{role}-kv{kv_heads}-{self.position.name}"

    @property
    def causal(self) -> bool:
        return self.role is Role.CAUSAL

    @property
    def num_kv_heads(self) -> int:
        return self.config.num_kv_heads or NUM_HEADS

    def context(self) -> AttentionContext:
        return AttentionContext(
            role=self.role,
            num_heads=NUM_HEADS,
            head_dim=HEAD_DIM,
            max_length=MAX_LENGTH,
            layer=1,
            seed=3,
        )

    def core(self) -> AttentionCore[Any]:
        """The core, in evaluation; the same numbers every time."""
        torch.manual_seed(zlib.crc32(str(self).encode()))
        return build_core(self.config, self.context()).eval()

    def attention(self) -> MultiHeadAttention:
        torch.manual_seed(zlib.crc32(str(self).encode()))
        return MultiHeadAttention(self.config, self.context()).eval()

    def relative(self) -> Rotation | LogitBias | None:
        """The stack's rotation or bias. A trained bias is made large enough to matter."""
        position = self.position.relative(
            num_heads=NUM_HEADS, head_dim=HEAD_DIM, causal=self.causal
        )
        for parameter in [] if position is None else position.parameters():
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(5))
        return position

    def bias(self) -> LogitBias | None:
        position = self.relative()
        return position if isinstance(position, LogitBias) else None


def own_options(config: AttentionConfig) -> dict[str, Any]:
    """The options that a mechanism adds to the common ones."""
    return {f.name: getattr(config, f.name) for f in fields(config) if f.name not in BASE_FIELDS}


def settings(kind: type[AttentionConfig]) -> Iterator[AttentionConfig]:
    """A mechanism with its defaults, with odd sizes, with the smallest legal sizes, and with every other choice."""
    default = kind()
    numbers = {name: value for name, value in own_options(default).items() if type(value) is int}
    yield default
    if numbers:
        yield replace(default, **{name: value + 3 for name, value in numbers.items()})
        yield replace(default, **{name: smallest(default, name) for name in numbers})
    for name, value in own_options(default).items():
        if isinstance(value, enum.Enum):
            yield from (
                replace(default, **{name: other}) for other in type(value) if other is not value
            )


def smallest(config: AttentionConfig, option: str) -> int:
    return next(
        value for value in (0, 1, 2, 4) if not replace(config, **{option: value}).problems()
    )


def can_carry(config: AttentionConfig, role: Role, position: PositionConfig) -> bool:
    """Whether a mechanism can be given a position inside attention; only self-attention has one."""
    if role is Role.CROSS:
        return position.kind is PositionKind.none
    return position.kind is not PositionKind.absolute and config.carries(position.kind)


def all_cases(*kinds: PositionKind) -> list[Case]:
    """Every case with the positions of these kinds, or with all."""
    found = []
    for mechanism in MECHANISMS.values():
        for number, setting in enumerate(settings(mechanism)):
            for config in groupings(setting, every=number == 0):
                for role in sorted(config.roles, key=lambda role: role.name):
                    for position in POSITION_SCHEMES.values():
                        if (not kinds or position.kind in kinds) and can_carry(
                            config, role, position()
                        ):
                            found.append(Case(config, role, position()))
    return found


def groupings(config: AttentionConfig, *, every: bool) -> list[AttentionConfig]:
    """With 4, 2 and 1 key/value heads for the 4 query heads, or with 2; a mechanism that sets a number keeps it."""
    if config.num_kv_heads is not None:
        return [config]
    found = [replace(config, num_kv_heads=number) for number in ((4, 2, 1) if every else (2,))]
    return [config for config in found if not config.problems()]


def with_weights(case: Case) -> bool:
    return case.config.weights is not WeightKind.none


@dataclass
class Batch:
    """Heads of a ragged batch for a core: q (B, H, T, K), k and v (B, G, S, K), and the padding of the keys."""

    q: Tensor
    k: Tensor
    v: Tensor
    padding: Padding

    @classmethod
    def of(cls, case: Case, lengths: list[int], *, seed: int = 0) -> "Batch":
        """Random numbers, in padded positions too. Cross-attention has five queries, else one for each key."""
        generator = torch.Generator().manual_seed(seed)
        width = max(lengths)
        queries = 5 if case.role is Role.CROSS else width

        def normal(heads: int, length: int) -> Tensor:
            return torch.randn(len(lengths), heads, length, HEAD_DIM, generator=generator)

        q, k, v = (
            normal(NUM_HEADS, queries),
            normal(case.num_kv_heads, width),
            normal(case.num_kv_heads, width),
        )
        return cls(q, k, v, Padding(torch.tensor(lengths), width))

    def real_queries(self, case: Case) -> Tensor:
        """(B, 1, T, 1), True where a query is real: in cross-attention all are."""
        if case.role is Role.CROSS:
            return torch.ones(self.q.size(0), 1, self.q.size(2), 1, dtype=torch.bool)
        return self.padding.valid()[:, None, :, None]

    def leaves(self) -> list[Tensor]:
        """q, k and v, recording gradients."""
        return [x.requires_grad_() for x in (self.q, self.k, self.v)]

    def copy(self) -> "Batch":
        return copy.deepcopy(self)


def assert_near(actual: Tensor, expected: Tensor, tolerance: float, what: str = "") -> None:
    """Within tolerance times the largest expected number, or times one."""
    assert actual.shape == expected.shape, (
        f"{what}: shape {tuple(actual.shape)}, not {tuple(expected.shape)}"
    )
    if expected.numel() == 0:
        return
    actual, expected = actual.detach().double(), expected.detach().double()
    error, scale = float((actual - expected).abs().amax()), max(1.0, float(expected.abs().amax()))
    assert error <= tolerance * scale, (
        f"{what}: off by {error:.2e}, allowed {tolerance * scale:.2e}"
    )
