"""Checks of what a mechanism declares: its options, and refusals of what it cannot do.

Every check takes a case and raises `ContractViolation`, with the reason, if it does not hold.
"""

from collections.abc import Callable
from dataclasses import fields, replace

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seq2seq.attention.contract.batch import HeadBatch, ensure
from seq2seq.attention.contract.cases import NUM_HEADS, Case
from seq2seq.attention.modifier_options import MODIFIERS
from seq2seq.errors import ConfigError
from seq2seq.options import range_of
from seq2seq.position.config import AlibiConfig
from seq2seq.position.logit_bias import Alibi


def options_declared(case: Case) -> None:
    """Defaults are legal, numbers have ranges, and a configuration survives YAML."""
    config = type(case.config)()
    problems = config.problems()
    ensure(not problems, f"defaults are refused: {'; '.join(problems)}")
    for item in fields(config):
        if type(getattr(config, item.name)) in (int, float):
            ranged = range_of(config, item.name) is not None
            ensure(ranged, f"{item.name}: has no range; declare it with seq2seq.options.number")
    try:
        loaded = OmegaConf.to_object(OmegaConf.structured(config))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        ensure(False, f"options cannot be saved: {reason}")
    else:
        ensure(loaded == config, f"options change when they are saved: {loaded}, not {config}")


def unserved_role_refused(case: Case) -> None:
    """A role that the mechanism does not serve is refused by its name."""
    ensure_refused(case, f"the role {case.role.value}", lambda: case.core())


def bias_refused(case: Case) -> None:
    """Without query-key logits, a bias is refused by the mechanism's name."""
    bias = Alibi(AlibiConfig(), num_heads=NUM_HEADS, causal=case.causal)
    ensure_refused(case, "a bias", lambda: HeadBatch.of(case, [3]).attend(case.core(), bias))


def modifiers_refused(case: Case) -> None:
    """A modifier that needs what the mechanism does not have is refused by its name."""
    for option, modifier in MODIFIERS.items():
        value = modifier.values[0]
        problems = replace(case.config, **{option: value}).problems()
        named = any(x.startswith(f"{option}: {case.config.name} ") for x in problems)
        able = option in case.config.modifiers()
        ensure(named != able, f"{option}: must be accepted or refused, but is not: {problems}")


def weights_refused(case: Case) -> None:
    """Without weights per key position, exporting them is refused by the mechanism's name."""
    core, batch = case.core(), HeadBatch.of(case, [3])
    ensure_refused(case, "weights", lambda: batch.attend(core, None, need_weights=True))


def ensure_refused(case: Case, feature: str, use: Callable[[], object]) -> None:
    """Raise ContractViolation unless using a feature raises a ConfigError with the name."""
    try:
        use()
    except ConfigError as error:
        named = case.config.name in str(error)
        ensure(named, f"{feature}: the refusal does not say {case.config.name!r}: {error}")
    else:
        ensure(False, f"{feature}: accepted, though the mechanism declares that it has none")
