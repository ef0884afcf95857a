"""What a benchmark of attention measures, as requests to single processes. Imports no torch."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.config.groups import CONF
from seq2seq.errors import ConfigError, choices

SETTINGS = CONF / "bench" / "attention.yaml"
ROLES_BY_NAME = {"encoder": Role.ENCODER, "decoder": Role.CAUSAL, "cross": Role.CROSS}


@dataclass
class Settings:
    """The content of conf/bench/attention.yaml.

    Attributes:
        lengths: of whole sequences, forward and backward.
        step_lengths: of the cache, before one decoding step.
        roles: keys of ROLES_BY_NAME.
        mechanisms: options by name; a mechanism that is missing has its defaults.
        imports: files and modules that define further mechanisms.
    """

    batch_size: int = 1
    num_heads: int = 4
    head_dim: int = 64
    lengths: list[int] = field(default_factory=list)
    step_lengths: list[int] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    mechanisms: dict[str, dict[str, Any]] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)

    @classmethod
    def read(cls) -> "Settings":
        """Read the file.

        Raises:
            ConfigError: it is missing, or has an unknown setting or a wrong type.
        """
        try:
            node = OmegaConf.merge(OmegaConf.structured(cls), OmegaConf.load(SETTINGS))
            return cast(Settings, OmegaConf.to_object(node))
        except FileNotFoundError:
            raise ConfigError(f"{SETTINGS}: is missing; install the package again") from None
        except OmegaConfBaseException as error:
            raise ConfigError(f"{SETTINGS}: {str(error).splitlines()[0]}") from error


@dataclass
class Request:
    """What one process measures.

    Attributes:
        steps: measure one decoding step at each of several lengths of the cache, instead of forward
            and backward over sequences of one length.
    """

    mechanism: str
    options: dict[str, Any]
    role_name: str
    lengths: list[int]
    steps: bool
    batch_size: int
    num_heads: int
    head_dim: int
    imports: list[str]

    @classmethod
    def of(
        cls, settings: Settings, mechanism: str, role: str, lengths: list[int], *, steps: bool
    ) -> "Request":
        return cls(
            mechanism=mechanism,
            options=settings.mechanisms.get(mechanism, {}),
            role_name=role,
            lengths=lengths,
            steps=steps,
            batch_size=settings.batch_size,
            num_heads=settings.num_heads,
            head_dim=settings.head_dim,
            imports=settings.imports,
        )

    @property
    def role(self) -> Role:
        return ROLES_BY_NAME[self.role_name]

    @property
    def num_kv_heads(self) -> int:
        return self.config().num_kv_heads or self.num_heads

    @property
    def label(self) -> str:
        lengths = f"steps up to {max(self.lengths)}" if self.steps else str(self.lengths[0])
        return f"{self.mechanism} {self.role_name} {lengths}"

    def config(self) -> AttentionConfig:
        """The mechanism with its options.

        Raises:
            ConfigError: an option does not exist or cannot have its value.
        """
        try:
            node = OmegaConf.merge(OmegaConf.structured(MECHANISMS[self.mechanism]), self.options)
        except OmegaConfBaseException as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(f"mechanisms.{self.mechanism}: {reason}") from error
        config = cast(AttentionConfig, OmegaConf.to_object(node))
        if problems := [f"mechanisms.{self.mechanism}.{text}" for text in config.problems()]:
            raise ConfigError(problems)
        return config

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Request":
        values = json.loads(text)
        return cls(**values)


@dataclass
class Plan:
    """Requests, and for each combination that cannot be measured the reason."""

    requests: list[Request]
    left_out: list[str]


def plan(settings: Settings) -> Plan:
    """Every legal combination of the settings' mechanisms, roles and lengths.

    Raises:
        ConfigError: nothing is legal, or an option is not.
    """
    requests, left_out = [], []
    for name in settings.mechanisms:
        for role in settings.roles:
            if ROLES_BY_NAME[role] not in MECHANISMS[name].roles:
                left_out.append(
                    f"{name} in role {role}: cannot serve as {ROLES_BY_NAME[role].value}"
                )
                continue
            requests += [
                Request.of(settings, name, role, [length], steps=False)
                for length in settings.lengths
            ]
            if role != "encoder":
                requests.append(Request.of(settings, name, role, settings.step_lengths, steps=True))
    if not requests:
        raise ConfigError(["no combination can be measured; choose another role", *left_out])
    for request in requests:
        request.config()
    return Plan(requests, left_out)


def with_choices(settings: Settings, mechanisms: str, roles: str, lengths: str) -> Settings:
    """The settings with the choices of the command line.

    Args:
        mechanisms, roles, lengths: lists between commas. Empty: all mechanisms, and the roles and
            lengths of the settings.

    Raises:
        ConfigError: an unknown name, or a length that is no positive number.
    """
    mechanism_names = split(mechanisms) or list(MECHANISMS)
    role_names = split(roles) or settings.roles
    length_texts = split(lengths) or [str(length) for length in settings.lengths]
    problems = [
        *unknown_problems("--mechanisms", mechanism_names, list(MECHANISMS)),
        *unknown_problems("--roles", role_names, list(ROLES_BY_NAME)),
    ]
    problems += [
        f"--lengths: must be whole numbers from 1 between commas, such as 1024,2048; not {text!r}"
        for text in length_texts
        if not (text.isdecimal() and int(text) > 0)
    ]
    if problems:
        raise ConfigError(problems)
    settings.mechanisms = {
        name: settings.mechanisms.get(name, {}) for name in dict.fromkeys(mechanism_names)
    }
    settings.roles = list(dict.fromkeys(role_names))
    settings.lengths = sorted({int(text) for text in length_texts})
    return settings


def split(text: str) -> list[str]:
    """["a", "b"] of "a, b"."""
    return [part.strip() for part in text.split(",") if part.strip()]


def unknown_problems(option: str, names: list[str], legal: list[str]) -> list[str]:
    """A problem for each name that does not exist."""
    return [
        f"{option}: {name!r} does not exist; {choices(name, legal)}"
        for name in names
        if name not in legal
    ]
