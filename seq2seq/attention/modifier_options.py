"""The modifiers of attention: their values, and the option of every mechanism that sets each.

A modifier changes how scores become weights, or what becomes of the context, and is independent of
the mechanism: the parts are in `seq2seq.attention.modifiers` and `seq2seq.attention.weighting`, and
the contract runs on every mechanism with each of them. No torch.
"""

import enum
from dataclasses import dataclass
from typing import Any


class Sink(enum.Enum):
    """What each query may read instead of keys: a logit per head whose value is zero."""

    none = "none"
    learned = "learned"
    zero = "zero"


class Gate(enum.Enum):
    """What multiplies the context between the core and the output projection, between 0 and 1."""

    none = "none"
    head = "head"
    element = "element"


class Normaliser(enum.Enum):
    """What makes weights of the logits of a row."""

    softmax = "softmax"
    entmax15 = "entmax15"
    sparsemax = "sparsemax"
    alpha_entmax = "alpha_entmax"
    sigmoid = "sigmoid"
    top_k = "top_k"


class Mixing(enum.Enum):
    """What learned matrices mix over the heads: the logits, the weights, or both."""

    none = "none"
    both = "both"
    logits = "logits"
    weights = "weights"


@dataclass(frozen=True)
class Modifier:
    """An option that switches a modifier on.

    Attributes:
        off: the value without it, the default of the option.
        values: those that switch it on; the contract runs with each.
        ability: class variable of a mechanism that is true where the modifier can act; None: with
            every mechanism.
        in_core: it acts within the core; otherwise around it, in `MultiHeadAttention`.
    """

    off: Any
    values: tuple[Any, ...]
    ability: str | None
    in_core: bool


MODIFIERS = {
    "qk_norm": Modifier(False, (True,), "has_products", in_core=False),
    "gate": Modifier(Gate.none, (Gate.element, Gate.head), None, in_core=False),
    "sink": Modifier(Sink.none, (Sink.learned, Sink.zero), "has_softmax", in_core=True),
    "normaliser": Modifier(Normaliser.softmax, tuple(Normaliser)[1:], "forms_rows", in_core=True),
    "mixing": Modifier(Mixing.none, tuple(Mixing)[1:], "forms_rows", in_core=True),
}
"""By the name of the option."""
