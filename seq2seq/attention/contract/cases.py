"""A case of the contract: a mechanism with its options, in a role, with a position scheme."""

import zlib
from dataclasses import dataclass, fields
from typing import Any

import torch

from seq2seq.attention.base import AttentionCore, build_core
from seq2seq.attention.config import (
    AttentionConfig,
    AttentionContext,
    HeadWidths,
    Role,
    WeightKind,
    as_typed,
)
from seq2seq.attention.modifier_options import MODIFIERS, Normaliser, Sink
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.position.base import LogitBias, Rotation
from seq2seq.position.config import PositionConfig, PositionKind

NUM_HEADS, HEAD_DIM, MAX_LENGTH = 4, 8, 160
D_MODEL = NUM_HEADS * HEAD_DIM
BASE_OPTIONS = {item.name for item in fields(AttentionConfig)}


@dataclass(frozen=True)
class Case:
    """A mechanism with its options, the role it serves, and the position scheme of its stack."""

    config: AttentionConfig
    role: Role
    position: PositionConfig

    def __str__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in options_of(self.config).items())
        role, num_kv_heads = self.role.name.lower(), self.num_kv_heads
        values = [(option, getattr(self.config, option)) for option in self.modifiers]
        modifiers = "".join(f"-{option}={as_typed(value)}" for option, value in values)
        return (
            f"{self.config.name}[{options}]-{role}-kv{num_kv_heads}-{self.position.name}{modifiers}"
        )

    @property
    def served(self) -> bool:
        """Whether the mechanism can serve the role."""
        return self.role in self.config.roles

    @property
    def causal(self) -> bool:
        return self.role is Role.CAUSAL

    @property
    def cross(self) -> bool:
        return self.role is Role.CROSS

    @property
    def num_kv_heads(self) -> int:
        return self.config.num_kv_heads or NUM_HEADS

    @property
    def widths(self) -> HeadWidths:
        return self.config.widths(self.context())

    @property
    def modifiers(self) -> list[str]:
        """The options of the modifiers that are on."""
        return self.config.modified_by()

    @property
    def modified_in_core_only(self) -> bool:
        """Whether no modifier acts around the core."""
        return all(MODIFIERS[option].in_core for option in self.modifiers)

    @property
    def sums_to_one(self) -> bool:
        """Whether the weights of a row that reads a key do."""
        config = self.config
        shares_all = config.sink is Sink.none and config.normaliser is not Normaliser.sigmoid
        return shares_all and not config.signed_weights

    @property
    def continuous(self) -> bool:
        """Whether a small change of the input changes the output little."""
        return self.config.normaliser is not Normaliser.top_k

    @property
    def exports_weights(self) -> bool:
        return self.config.weights is not WeightKind.none

    @property
    def is_default(self) -> bool:
        """Whether the options and the number of key/value heads are the defaults."""
        return self.config == type(self.config)()

    def context(self) -> AttentionContext:
        return AttentionContext(
            role=self.role,
            num_heads=NUM_HEADS,
            head_dim=HEAD_DIM,
            max_length=MAX_LENGTH,
            rotary=self.position.kind is PositionKind.rotary,
            layer=1,
            seed=3,
        )

    def core(self) -> AttentionCore[Any]:
        """The core in evaluation mode; its parameters are a function of the case."""
        torch.manual_seed(zlib.crc32(str(self).encode()))
        core = build_core(self.config, self.context()).eval()
        trained(core.weighting)
        return core

    def attention(self) -> MultiHeadAttention:
        """The whole layer in evaluation mode; its parameters are a function of the case."""
        torch.manual_seed(zlib.crc32(str(self).encode()))
        attention = MultiHeadAttention(self.config, self.context()).eval()
        trained(attention.core.weighting)
        if attention.gate is not None:
            trained(attention.gate)
        return attention

    def relative(self) -> Rotation | LogitBias | None:
        """The rotation or bias of the stack. A trained bias is made large enough to matter."""
        position = self.position.relative(
            num_heads=NUM_HEADS, head_dim=HEAD_DIM, causal=self.causal
        )
        for parameter in [] if position is None else position.parameters():
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(5))
        return position

    def bias(self) -> LogitBias | None:
        position = self.relative()
        return position if isinstance(position, LogitBias) else None


def trained(modifiers: torch.nn.Module) -> None:
    """Set the parameters of modifiers, which begin as constants, to numbers that all differ."""
    for parameter in modifiers.parameters():
        torch.nn.init.normal_(parameter)


def options_of(config: AttentionConfig) -> dict[str, Any]:
    """The options that a mechanism adds to those of every mechanism."""
    names = [item.name for item in fields(config) if item.name not in BASE_OPTIONS]
    return {name: getattr(config, name) for name in names}
