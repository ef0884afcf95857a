"""What a benchmark of attention measures, as requests to single processes. Imports no torch."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.config.groups import CONF
from seq2seq.errors import ConfigError, choices
from seq2seq.options import Options, Range, number, problems_in

T = TypeVar("T")
SETTINGS = CONF / "bench" / "attention.yaml"
ROLES_BY_NAME = {"encoder": Role.ENCODER, "decoder": Role.CAUSAL, "cross": Role.CROSS}


@dataclass
class Settings(Options):
    """The content of conf/bench/attention.yaml.

    Attributes:
        batch_size: sequences in a batch.
        num_heads: heads of the queries.
        head_dim: width of a head.
        lengths: of whole sequences, forward and backward.
        step_lengths: of the cache, before one decoding step; none leaves the steps out.
        roles: encoder, decoder, cross.
        mechanisms: options by name; a mechanism that is missing has its defaults.
        imports: files and modules that define further mechanisms.
    """

    batch_size: int = number(1, at_least=1)
    num_heads: int = number(4, at_least=1)
    head_dim: int = number(64, at_least=1)
    lengths: list[int] = field(default_factory=list)
    step_lengths: list[int] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    mechanisms: dict[str, dict[str, Any]] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        for option, lengths in (("lengths", self.lengths), ("step_lengths", self.step_lengths)):
            if any(length not in Range(at_least=1) for length in lengths):
                problems.append(f"{option}: must be at least 1, not {lengths}; choose [1024,2048]")
        problems += [
            f"roles: {role!r} does not exist; {choices(role, list(ROLES_BY_NAME))}"
            for role in self.roles
            if role not in ROLES_BY_NAME
        ]
        return problems

    @classmethod
    def read(cls) -> "Settings":
        """Read the file.

        Raises:
            ConfigError: it is missing, or has an unknown setting or a wrong type.
        """
        return read_yaml_settings(cls, SETTINGS, "is missing; install the package again")


def read_yaml_settings(kind: type[T], path: Path, missing: str) -> T:
    """The settings of a benchmark in a YAML file.

    Args:
        missing: what the error says of a file that is not there, and what to do.

    Raises:
        ConfigError: it is missing, or has an unknown setting or a wrong type.
    """
    try:
        node = OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.load(path))
        return cast(T, OmegaConf.to_object(node))
    except FileNotFoundError:
        raise ConfigError(f"{path}: {missing}") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {str(error).splitlines()[0]}") from error


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
    lengths = sorted(set(settings.lengths))
    for name in settings.mechanisms:
        for role in dict.fromkeys(settings.roles):
            if ROLES_BY_NAME[role] not in MECHANISMS[name].roles:
                left_out.append(
                    f"{name} in role {role}: cannot serve as {ROLES_BY_NAME[role].value}"
                )
                continue
            requests += [
                Request.of(settings, name, role, [length], steps=False) for length in lengths
            ]
            if role != "encoder" and settings.step_lengths:
                requests.append(Request.of(settings, name, role, settings.step_lengths, steps=True))
    if not requests:
        raise ConfigError(["no combination can be measured; choose another role", *left_out])
    for request in requests:
        request.config()
    return Plan(requests, left_out)


def with_mechanisms(settings: Settings, names: str) -> Settings:
    """The settings with the mechanisms that are measured.

    Args:
        names: between commas; empty for all.

    Raises:
        ConfigError: the settings are impossible, or there is no such mechanism.
    """
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(MECHANISMS)
    problems = list(problems_in(settings))
    problems += [
        f"mechanisms: {name!r} does not exist; {choices(name, list(MECHANISMS))}"
        for name in (*chosen, *settings.mechanisms)
        if name not in MECHANISMS
    ]
    if problems:
        raise ConfigError(problems)
    mechanisms = {name: settings.mechanisms.get(name, {}) for name in dict.fromkeys(chosen)}
    return replace(settings, mechanisms=mechanisms)
