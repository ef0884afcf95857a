"""Every mechanism in every role with every modifier runs, or is refused in one message."""

import random
from dataclasses import dataclass, replace
from enum import Enum
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.attention.modifier_options import MODIFIERS
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError
from seq2seq.model.config import ModelConfig
from seq2seq.run.start import start_run
from tests.combinations import Combination
from tests.integration.test_combinations_run import check, composed

PATHS = {
    Role.ENCODER: "model.encoder.self_attention",
    Role.CAUSAL: "model.decoder.self_attention",
    Role.CROSS: "model.decoder.cross_attention",
}


@dataclass(frozen=True)
class Modified:
    """A mechanism in a role with an option that switches a modifier on."""

    role: Role
    mechanism: str
    option: str
    value: Any

    def __str__(self) -> str:
        value = self.value.value if isinstance(self.value, Enum) else self.value
        return f"{self.role.name}-{self.mechanism}-{self.option}-{value}"

    @property
    def legal(self) -> bool:
        return self.option in MECHANISMS[self.mechanism].modifiers()

    def combination(self) -> Combination:
        """The mechanism in its role, with full attention in the others."""
        names = [self.mechanism if role is self.role else "full" for role in PATHS]
        return Combination(*names, "sinusoidal")

    def config(self) -> RunConfig:
        attention = replace(MECHANISMS[self.mechanism](), **{self.option: self.value})
        run = composed()
        return replace(run, model=with_attention(run.model, self.role, attention))


def with_attention(model: ModelConfig, role: Role, attention: AttentionConfig) -> ModelConfig:
    if role is Role.ENCODER:
        return replace(model, encoder=replace(model.encoder, self_attention=attention))
    side = "self_attention" if role is Role.CAUSAL else "cross_attention"
    return replace(model, decoder=replace(model.decoder, **{side: attention}))


EVERY = [
    Modified(role, name, option, value)
    for role in PATHS
    for name, kind in MECHANISMS.items()
    if role in kind.roles
    for option, modifier in MODIFIERS.items()
    for value in modifier.values
]
SAMPLE = [
    random.Random(1).choice([x for x in EVERY if x.legal and (x.role, x.option) == choice])
    for choice in zip(cycle(PATHS), MODIFIERS, strict=False)
]  # every modifier, and every role
REFUSED = [x for x in EVERY if not x.legal]


def test_a_composed_modifier_is_the_option() -> None:
    """The command line sets what the other tests set."""
    modified = SAMPLE[-1]
    override = f"{PATHS[modified.role]}.{modified.option}={modified.value.value}"
    assert composed(*modified.combination().overrides(), override) == modified.config()


@pytest.mark.parametrize("modified", SAMPLE, ids=str)
def test_a_modifier_trains_evaluates_and_exports(
    modified: Modified, tmp_path: Path, corpora: str
) -> None:
    check(modified.combination(), modified.config(), tmp_path / "run", corpora)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "mechanism"), dict.fromkeys((x.role, x.mechanism) for x in EVERY if x.legal)
)
def test_every_modifier_trains_evaluates_and_exports(
    role: Role, mechanism: str, tmp_path: Path, corpora: str
) -> None:
    for modified in EVERY:
        if modified.legal and (modified.role, modified.mechanism) == (role, mechanism):
            check(modified.combination(), modified.config(), tmp_path / str(modified), corpora)


@pytest.mark.parametrize("role", PATHS, ids=lambda role: role.name)
def test_every_other_modifier_is_refused_in_one_message(role: Role, tmp_path: Path) -> None:
    for modified in REFUSED:
        if modified.role is role:
            path = f"{PATHS[role]}.{modified.option}"
            with pytest.raises(ConfigError) as caught:
                start_run(modified.config(), tmp_path / "run", [])
            (problem,) = caught.value.problems
            assert problem.startswith(f"{path}: {modified.mechanism} cannot be combined with it")
            assert not (tmp_path / "run").exists()
