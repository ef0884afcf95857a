"""The clauses of the contract, and the checks that hold a mechanism to each of them."""

from collections.abc import Callable
from dataclasses import dataclass

from seq2seq.attention.config import Role
from seq2seq.attention.contract import declared, decoding, heads, layer
from seq2seq.attention.contract.cases import NUM_HEADS, Case, options_of
from seq2seq.position.config import PositionKind

CLAUSES = {
    "options": "defaults are legal, numbers have ranges, and YAML holds all options",
    "formula": "outputs and gradients equal the plain formula",
    "groups": "query heads share key/value heads in groups",
    "modifiers": "each modifier acts as in the formula, in decoding steps, too",
    "positions": "biases and rotations act as in the formula, in decoding steps, too",
    "padding": "padding cannot be seen",
    "future": "the future cannot be seen",
    "steps": "any split into decoding steps equals the whole",
    "weights": "exported weights are what they claim to be",
    "empty": "a query with nothing to read returns zeros, with finite gradients",
    "dropout": "attention dropout is of the weights, and in training only",
    "precision": "bfloat16 inputs cost no more than their precision",
    "state": "the decoding state is counted, and shared by the heads of a group",
    "refusals": "what the mechanism cannot do is refused by name",
}


@dataclass(frozen=True)
class Check:
    """A check of a clause.

    Attributes:
        clause: a key of `CLAUSES`.
        function: raises for a case that breaks the clause.
        applies: whether the check has to do with a case.
    """

    clause: str
    function: Callable[[Case], None]
    applies: Callable[[Case], bool]

    def __str__(self) -> str:
        return f"{self.clause}-{self.function.__name__}"


def _has(case: Case, *kinds: PositionKind) -> bool:
    return case.served and case.position.kind in kinds and not case.modifiers


def _plain(case: Case) -> bool:
    return _has(case, PositionKind.none)


def _core(case: Case) -> bool:
    """A core without positions, perhaps with a modifier that acts in it."""
    in_core = case.served and case.modified_in_core_only
    return in_core and case.position.kind is PositionKind.none


def _in_core(case: Case) -> bool:
    """A core, perhaps with a modifier or a bias, which act in it."""
    return _core(case) or _has(case, PositionKind.bias)


def _modified(case: Case) -> bool:
    return case.served and bool(case.modifiers)


def _grouped(case: Case) -> bool:
    """Key/value heads are shared, and the options of the mechanism are its defaults."""
    default = options_of(type(case.config)())
    return case.num_kv_heads < NUM_HEADS and options_of(case.config) == default


def _decodes(case: Case) -> bool:
    return case.role is not Role.ENCODER


CHECKS = (
    Check("options", declared.options_declared, lambda c: _plain(c) and c.is_default),
    Check("formula", heads.formula, lambda c: _plain(c) and (c.is_default or not _grouped(c))),
    Check("formula", layer.layer_is_the_formula, _plain),
    Check("groups", heads.formula, lambda c: _plain(c) and _grouped(c)),
    Check("modifiers", heads.formula, lambda c: _modified(c) and c.modified_in_core_only),
    Check("modifiers", layer.layer_is_the_formula, _modified),
    Check("modifiers", layer.layer_steps_equal_the_whole, lambda c: c.causal and _modified(c)),
    Check("modifiers", layer.beams_read_their_sentence, lambda c: c.cross and _modified(c)),
    Check("positions", heads.formula, lambda c: _has(c, PositionKind.bias)),
    Check(
        "positions",
        layer.layer_is_the_formula,
        lambda c: _has(c, PositionKind.rotary, PositionKind.bias),
    ),
    Check(
        "positions",
        layer.layer_steps_equal_the_whole,
        lambda c: c.causal and _has(c, PositionKind.rotary, PositionKind.bias),
    ),
    Check("padding", heads.padding_unseen, _in_core),
    Check("padding", heads.padding_without_gradient, _in_core),
    Check("padding", layer.layer_padding_unseen, lambda c: c.served),
    Check("future", heads.future_unseen, lambda c: c.causal and _in_core(c)),
    Check("steps", decoding.steps_equal_the_whole, lambda c: c.causal and _in_core(c)),
    Check("steps", decoding.reordered_rows_continue, lambda c: c.causal and _in_core(c)),
    Check("steps", decoding.source_cache_equals_the_whole, lambda c: c.cross and _core(c)),
    Check("steps", layer.layer_steps_equal_the_whole, lambda c: c.causal and _plain(c)),
    Check("steps", layer.beams_read_their_sentence, lambda c: c.cross and _plain(c)),
    Check("weights", heads.weights_true, lambda c: _in_core(c) and c.exports_weights),
    Check("empty", heads.nothing_to_read, _in_core),
    Check("empty", decoding.empty_source_gives_zeros, lambda c: c.cross and _core(c)),
    Check(
        "dropout",
        heads.dropout_of_weights,
        lambda c: _in_core(c) and c.config.drops_weights,
    ),
    Check("precision", heads.bfloat16_inputs, _in_core),
    Check("precision", decoding.bfloat16_decoding, lambda c: _decodes(c) and _in_core(c)),
    Check("state", decoding.state_is_counted, lambda c: _decodes(c) and _plain(c)),
    Check("state", decoding.state_is_bounded, lambda c: _decodes(c) and _plain(c)),
    Check("refusals", declared.unserved_role_refused, lambda c: not c.served),
    Check(
        "refusals",
        declared.bias_refused,
        lambda c: _plain(c) and c.is_default and not c.config.has_logits,
    ),
    Check("refusals", declared.modifiers_refused, lambda c: _plain(c) and c.is_default),
    Check(
        "refusals",
        declared.weights_refused,
        lambda c: _plain(c) and not c.exports_weights,
    ),
)
