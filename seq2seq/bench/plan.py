"""What a benchmark of attention measures, cell by cell. Imports no torch."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.config.groups import CONF
from seq2seq.errors import ConfigError, choices

SETTINGS = CONF / "bench" / "attention.yaml"
ROLES = {"encoder": Role.ENCODER, "decoder": Role.CAUSAL, "cross": Role.CROSS}


@dataclass
class Settings:
    """conf/bench/attention.yaml. mechanisms: options by name; one that is not there has its defaults."""

    batch_size: int = 1
    num_heads: int = 4
    head_dim: int = 64
    lengths: list[int] = field(default_factory=list)
    step_lengths: list[int] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    mechanisms: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Settings":
        """What the file holds.

        Raises:
            ConfigError: it is not there, or holds what is no setting.
        """
        try:
            return cast(
                Settings,
                OmegaConf.to_object(
                    OmegaConf.merge(OmegaConf.structured(cls), OmegaConf.load(SETTINGS))
                ),
            )
        except FileNotFoundError:
            raise ConfigError(
                f"{SETTINGS}: is not there; run from a checkout that has the conf folder"
            ) from None
        except OmegaConfBaseException as error:
            raise ConfigError(f"{SETTINGS}: {str(error).splitlines()[0]}") from error


@dataclass
class Request:
    """What one process measures: forward and backward at one length, or with `steps` decoding steps at several."""

    mechanism: str
    options: dict[str, Any]
    role_name: str
    lengths: list[int]
    steps: bool
    batch_size: int
    num_heads: int
    head_dim: int

    @classmethod
    def of(
        cls, settings: Settings, mechanism: str, role: str, lengths: list[int], *, steps: bool
    ) -> "Request":
        options = settings.mechanisms.get(mechanism, {})
        sizes = (settings.batch_size, settings.num_heads, settings.head_dim)
        return cls(mechanism, options, role, lengths, steps, *sizes)

    @property
    def role(self) -> Role:
        return ROLES[self.role_name]

    @property
    def num_kv_heads(self) -> int:
        return self.config().num_kv_heads or self.num_heads

    def config(self) -> AttentionConfig:
        """The mechanism with its options.

        Raises:
            ConfigError: an option does not exist or cannot have its value.
        """
        try:
            node = OmegaConf.merge(OmegaConf.structured(MECHANISMS[self.mechanism]), self.options)
        except OmegaConfBaseException as error:
            raise ConfigError(
                f"mechanisms.{self.mechanism}: {str(error).splitlines()[0]}"
            ) from error
        config = cast(AttentionConfig, OmegaConf.to_object(node))
        if problems := config.problems():
            raise ConfigError([f"mechanisms.{self.mechanism}.{problem}" for problem in problems])
        return config

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Request":
        values = json.loads(text)
        return cls(**values)


@dataclass
class Plan:
    """The requests of a benchmark, and the combinations that were asked for and are none, each with its reason."""

    requests: list[Request]
    left_out: list[str]


def plan(settings: Settings) -> Plan:
    """Every legal combination of the settings' mechanisms and roles with every length.

    Raises:
        ConfigError: nothing is legal, or an option is not.
    """
    requests, left_out = [], []
    for name in settings.mechanisms:
        for role in settings.roles:
            if ROLES[role] not in MECHANISMS[name].roles:
                left_out.append(f"{name} in role {role}: cannot serve as {ROLES[role].value}")
                continue
            requests += [
                Request.of(settings, name, role, [length], steps=False)
                for length in settings.lengths
            ]
            if role != "encoder":
                requests.append(Request.of(settings, name, role, settings.step_lengths, steps=True))
    if not requests:
        raise ConfigError(["nothing is left to measure", *left_out])
    for request in requests:
        request.config()
    return Plan(requests, left_out)


def chosen(
    settings: Settings, given_mechanisms: str, given_roles: str, given_lengths: str
) -> Settings:
    """The settings with what the command line chose, each a list between commas; empty: the settings' own, or all.

    Raises:
        ConfigError: an unknown name, or a length that is no positive number.
    """
    names = split(given_mechanisms) or list(MECHANISMS)
    roles = split(given_roles) or settings.roles
    lengths = split(given_lengths) or [str(length) for length in settings.lengths]
    problems = unknown("--mechanisms", names, list(MECHANISMS)) + unknown(
        "--roles", roles, list(ROLES)
    )
    problems += [
        f"--lengths: must be whole numbers from 1 between commas, such as 1024,2048; not {length!r}"
        for length in lengths
        if not (length.isdecimal() and int(length) > 0)
    ]
    if problems:
        raise ConfigError(problems)
    settings.mechanisms = {name: settings.mechanisms.get(name, {}) for name in dict.fromkeys(names)}
    settings.roles = list(dict.fromkeys(roles))
    settings.lengths = sorted({int(length) for length in lengths})
    return settings


def split(text: str) -> list[str]:
    """["a", "b"] of "a, b"."""
    return [part.strip() for part in text.split(",") if part.strip()]


def unknown(option: str, given: list[str], legal: list[str]) -> list[str]:
    """A problem for each name that does not exist."""
    return [
        f"{option}: {name!r} does not exist; {choices(name, legal)}"
        for name in given
        if name not in legal
    ]
