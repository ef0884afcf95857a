"""Options and abilities of an attention mechanism, and the registry of mechanisms. No torch."""

import enum
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from seq2seq.attention.modifier_options import MODIFIERS, Gate, Mixing, Normaliser, Sink
from seq2seq.options import Options, Readers, number
from seq2seq.position.config import PositionKind
from seq2seq.registry import Registry


class Role(enum.Enum):
    """The three places of an encoder-decoder Transformer where attention is computed."""

    ENCODER = "encoder self-attention"
    CAUSAL = "decoder causal self-attention"
    CROSS = "cross-attention"


class WeightKind(enum.Enum):
    """The weights that a mechanism can export."""

    attention = "the weights it uses"
    kernel = "normalised kernel scores"
    signed = "signed weights"
    none = "no weight per key position"


EVERY_ROLE = frozenset(Role)
SELF_ROLES = frozenset({Role.ENCODER, Role.CAUSAL})


class HeadWidths(NamedTuple):
    """How many numbers of each query, key and value a core reads, head by head.

    The first head_dim of a query or key are the vector that modifiers normalise and rotary
    positions turn; those after them are a mechanism's own, such as gates, and reach it as they are
    projected.

    Attributes:
        query, key, value: the numbers; 0: no such projection.
        query_vectors: vectors of head_dim that a query begins with, when it is more than one.
    """

    query: int
    key: int
    value: int
    query_vectors: int = 1


@dataclass(frozen=True, kw_only=True)
class AttentionContext:
    """What a core may depend on besides its options.

    Attributes:
        role: the place in the Transformer.
        num_heads, head_dim: of the queries.
        max_length: the longest sequence of keys.
        rotary: whether rotary positions turn queries and keys.
        layer: index within its stack.
        seed: of the run; random projections are a function of (seed, layer, head, training step).
    """

    role: Role
    num_heads: int
    head_dim: int
    max_length: int
    rotary: bool = False
    layer: int = 0
    seed: int = 0


@dataclass
class AttentionConfig(Options):
    """Options and abilities that every mechanism has.

    A mechanism is a dataclass derived from this one, registered by `MECHANISMS.register`, and the
    class that `core` names. The abilities are class variables, so they are known before anything is
    built.

    Attributes:
        name: of the mechanism, in configurations and on the command line.
        dropout: of attention weights; refused where there are no weights to drop.
        num_kv_heads: key/value heads, each shared by num_heads / num_kv_heads query heads; None:
            as many as query heads.
        qk_norm: normalise queries and keys, so that logits are their cosines times a learned scale
            for each head (Henry et al. 2020).
        qk_norm_scale: that scale before training. Henry et al. take log2(L^2 - L) for the length L
            that 97.5 % of the sentences do not exceed: 10 for 32 subwords.
        gate: multiply the context by sigmoid(x W) of the query's state x, before the output
            projection: one number for each head, or for each element (Qiu et al. 2025).
        sink: a logit of each head that queries may read instead of keys, and whose value is zero:
            learned, or fixed at zero, which is softmax1. Weights sum to less than one.
        sink_logit: the learned logits before training.
        normaliser: makes weights of logits: softmax, entmax15, sparsemax and alpha_entmax, which
            give most keys none, sigmoid, key by key, or top_k, a softmax of the largest logits.
        entmax_alpha: of alpha_entmax: towards 1 the softmax, 1.5 entmax15, 2 sparsemax.
        top_k: keys that top_k keeps, the first ones of equals.
        mixing: mix logits and weights over the heads by learned matrices that begin as identities
            (talking heads, Shazeer et al. 2020).
        core: the `AttentionCore` that computes it, as "package.module.Class", or as "Class" if it
            is in the same module as the dataclass.
        roles: the roles it can serve.
        has_products: its weights are those of a softmax of query-key products, so that queries and
            keys can be normalised.
        has_softmax: its weights are those of a softmax over keys, which can hold a sink.
        forms_rows: it forms the logits of all keys that a query reads at once, so that they can be
            normalised otherwise, or mixed over the heads.
        has_logits: it forms query-key logits, so ALiBi and T5 biases can be added to them.
        rotary: rotary positions keep their meaning.
        weights: what it can export.
        drops_weights: attention dropout is possible.
        cost: how time grows with the sequence length N; memory grows with N everywhere.
        state: what the decoding cache holds, of the target in self-attention and of the source in
            cross-attention.
    """

    name: str = ""
    dropout: float = number(0.0, at_least=0, below=1)
    num_kv_heads: int | None = number(None, at_least=1)
    qk_norm: bool = False
    qk_norm_scale: float = number(10.0, above=0)
    gate: Gate = Gate.none
    sink: Sink = Sink.none
    sink_logit: float = number(0.0, at_least=-50, at_most=50)
    normaliser: Normaliser = Normaliser.softmax
    entmax_alpha: float = number(1.5, at_least=1.05, at_most=2)
    top_k: int = number(8, at_least=1)
    mixing: Mixing = Mixing.none

    core: ClassVar[str]
    roles: ClassVar[frozenset[Role]] = EVERY_ROLE
    has_products: ClassVar[bool] = False
    has_softmax: ClassVar[bool] = False
    forms_rows: ClassVar[bool] = False
    has_logits: ClassVar[bool] = True
    rotary: ClassVar[bool] = True
    weights: ClassVar[WeightKind] = WeightKind.attention
    drops_weights: ClassVar[bool] = True
    cost: ClassVar[str] = "N²"
    state: ClassVar[str] = "keys and values"

    @classmethod
    def carries(cls, kind: PositionKind) -> bool:
        """Whether it can be combined, in self-attention, with position schemes of a kind."""
        if kind is PositionKind.rotary:
            return cls.rotary
        return kind is not PositionKind.bias or cls.has_logits

    def widths(self, context: AttentionContext) -> HeadWidths:
        """What the layer projects its input to."""
        return HeadWidths(context.head_dim, context.head_dim, context.head_dim)

    @classmethod
    def modifiers(cls) -> list[str]:
        """The options of modifiers that it can be combined with."""
        return [
            option
            for option, it in MODIFIERS.items()
            if it.ability is None or getattr(cls, it.ability)
        ]

    def modified_by(self) -> list[str]:
        """The options of the modifiers that are on."""
        return [option for option, it in MODIFIERS.items() if getattr(self, option) != it.off]

    def exported(self) -> str:
        """What weights it exports, and what their rows sum to if not to one."""
        text = self.weights.value
        if self.signed_weights or self.normaliser is Normaliser.sigmoid:
            return f"{text}; rows do not sum to one"
        if self.sink is not Sink.none:
            return f"{text}; what a row lacks to one is its null mass, read from nothing"
        return text

    @property
    def signed_weights(self) -> bool:
        """Whether weights may be negative: they were mixed over the heads."""
        return self.mixing in (Mixing.both, Mixing.weights)

    @property
    def sparse_weights(self) -> bool:
        """Whether keys of the pattern may have a weight of zero, which has no gradient."""
        return self.normaliser not in (Normaliser.softmax, Normaliser.sigmoid)

    def problems(self) -> list[str]:
        """Problems of the options, each as "option: must hold; given; choose"."""
        problems = list(super().problems())
        if 0 < self.dropout < 1 and not self.drops_weights:
            problems.append(
                f"dropout: {self.name} cannot drop attention weights; choose 0, or another "
                "mechanism"
            )
        problems += [
            f"{option}: {self.name} cannot be combined with it; choose "
            f"{as_typed(MODIFIERS[option].off)}, or one of "
            f"{', '.join(name for name, kind in MECHANISMS.items() if option in kind.modifiers())}"
            for option in self.modified_by()
            if option not in self.modifiers()
        ]
        if self.sink is not Sink.none and self.normaliser is Normaliser.sigmoid:
            problems.append(
                "sink: must be none with normaliser=sigmoid, whose weights share no sum; choose "
                "sink=none, or another normaliser"
            )
        return problems

    def readers(self) -> Readers:
        return {
            "qk_norm_scale": (self.qk_norm, "choose qk_norm=true"),
            "sink_logit": (self.sink is Sink.learned, "choose sink=learned"),
            "entmax_alpha": (
                self.normaliser is Normaliser.alpha_entmax,
                "choose normaliser=alpha_entmax",
            ),
            "top_k": (self.normaliser is Normaliser.top_k, "choose normaliser=top_k"),
        }


def as_typed(value: object) -> str:
    """A value as it is written on a command line."""
    return value.value if isinstance(value, enum.Enum) else str(value).lower()


MECHANISMS: Registry[AttentionConfig] = Registry("attention mechanism")
