"""`seq2seq check-attention`: hold attention mechanisms of one's own files to the contract."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.errors import ConfigError
from seq2seq.imports import import_modules, module_name

EVERYTHING_HELD = "every clause holds"


class RoleName(Enum):
    """The roles under the names of the command line."""

    encoder = "encoder"
    decoder = "decoder"
    cross = "cross"


ROLES = {
    RoleName.encoder: Role.ENCODER,
    RoleName.decoder: Role.CAUSAL,
    RoleName.cross: Role.CROSS,
}


def check_attention(
    module: Annotated[
        str,
        typer.Argument(
            metavar="MODULE", help="The Python file, module or entry point that registers them."
        ),
    ],
    role: Annotated[
        list[RoleName] | None,
        typer.Option(help="A role to check; may be repeated.", show_default="all"),
    ] = None,
) -> None:
    """Check every attention mechanism that a module registers: a table of clauses by role.

    The clauses are those that the built-in mechanisms are held to: gradients against the plain
    formula, padding and the future unseen, decoding steps against whole sequences, weights, head
    groups, positions and refusals. The exit code is 1 if one does not hold.
    """
    kinds = registered_by(module)
    from seq2seq.attention.contract.report import check_mechanism

    roles = [ROLES[name] for name in role or RoleName]
    passed = True
    for kind in kinds:
        report = check_mechanism(kind, roles)
        passed = passed and report.passed
        print(report)
        print(f"\n{kind.name}: {EVERYTHING_HELD if report.passed else 'the contract is broken'}")
    if not passed:
        raise typer.Exit(1)


def registered_by(module: str) -> list[type[AttentionConfig]]:
    """Import a module and list the mechanisms that it registers.

    Raises:
        ConfigError: the module cannot be imported, or registers none.
    """
    before = set(MECHANISMS)
    import_modules([module])
    name = module_name(Path(module).expanduser().resolve()) if module.endswith(".py") else module
    kinds = [
        kind for kind in MECHANISMS.values() if kind.name not in before or kind.__module__ == name
    ]
    if not kinds:
        raise ConfigError(
            f"{module}: must register an attention mechanism; put @MECHANISMS.register of "
            "seq2seq.attention.config above its dataclass"
        )
    return kinds
