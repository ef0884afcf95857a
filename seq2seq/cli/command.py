"""Commands that take options of a run's configuration, under the names that training has for them.

`decoding.beam_size=5` may stand anywhere among a command's arguments, and `--beam-size 5` is the
same: flags, their help and their types follow from the fields of the dataclasses.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

import typer
from typer.core import TyperCommand

from seq2seq.config.describe import attribute_docs, metavar, type_of
from seq2seq.config.overrides import IMPORTS, RENAMED, imports_of, with_present_paths
from seq2seq.config.saved import with_overrides
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, choices
from seq2seq.imports import import_modules
from seq2seq.options import Options, problems_of_set

T = TypeVar("T", bound=Options)
OVERRIDE = re.compile(r"([a-z_]\w*)(\.\w+)*=.*", re.DOTALL)
OVERRIDES = "seq2seq.overrides"  # where a command's context holds them
IMPORTS_FLAG = "--imports"
IMPORTS_HELP = "A file or module of yours that the run needs; may be repeated."


@dataclass(frozen=True)
class ConfigOption:
    """An option of a configuration that a command takes.

    Attributes:
        path: "decoding.beam_size"; "mechanisms." for all options of a section.
        flags: "--beam-size"; flags of earlier names follow.
        is_switch: it is true or false, so that its flags take no value: --x and --no-x.
        is_list: its value is a list, "0,3", or "all" for an empty one.
    """

    path: str
    flags: tuple[str, ...]
    metavar: str
    help: str
    is_switch: bool
    is_list: bool

    def override(self, value: str) -> str:
        """The override that a flag with this value stands for."""
        if self.is_list and not value.startswith("["):
            value = "[]" if value == "all" else f"[{value}]"
        return f"{self.path}={value}"


def config_options(section: str, kind: type, *names: str) -> list[ConfigOption]:
    """Options of a section, in the order of its dataclass: those named, or all."""
    docs = attribute_docs(kind)
    options = []
    for name in [item.name for item in fields(kind) if not names or item.name in names]:
        path = f"{section}.{name}" if section else name
        earlier = [old.rpartition(".")[2] for old, new in RENAMED.items() if new == path]
        flags = tuple(f"--{flag.replace('_', '-')}" for flag in (name, *earlier))
        hint = type_of(kind, name)
        is_list = getattr(hint, "__origin__", None) is list
        options.append(
            ConfigOption(path, flags, metavar(kind, name), docs[name], hint is bool, is_list)
        )
    return options


def section_option(section: str, help: str) -> ConfigOption:
    """All options of a section whose names are not known beforehand. They have no flags."""
    return ConfigOption(f"{section}.", (), "", help, is_switch=False, is_list=False)


class ConfigCommand(TyperCommand):
    """A command whose arguments may hold overrides, and which imports modules before it starts."""

    options: ClassVar[Sequence[ConfigOption]] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        plain, overrides = split_arguments(with_present_paths(args), self.options)
        ensure_known(overrides, self.options)
        import_modules(imports_of(overrides) or [])
        ctx.meta[OVERRIDES] = overrides
        return super().parse_args(ctx, plain)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        super().format_help(ctx, formatter)
        rows = [(help_name(option), option.help) for option in self.options]
        with formatter.section("Options of the configuration; PATH=VALUE is accepted as well"):
            formatter.write_dl([*rows, (f"{IMPORTS_FLAG} NAME", IMPORTS_HELP)])


def taking(*options: ConfigOption) -> type[ConfigCommand]:
    """The class of a command that takes these options: `app.command(cls=taking(...))`."""
    return type("ConfigCommand", (ConfigCommand,), {"options": options})


def help_name(option: ConfigOption) -> str:
    if not option.flags:
        return (
            f"{option.path}..." if option.path.endswith(".") else f"{option.path}={option.metavar}"
        )
    flag = option.flags[0]
    spelling = f"{flag}/{flag.replace('--', '--no-', 1)}" if option.is_switch else flag
    return f"{spelling}, {option.path}={option.metavar}"


def split_arguments(
    arguments: Sequence[str], options: Sequence[ConfigOption]
) -> tuple[list[str], list[str]]:
    """A command's plain arguments, and its overrides with flags written as overrides."""
    by_flag = {flag: option for option in options for flag in option.flags}
    plain: list[str] = []
    overrides: list[str] = []
    modules: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        flag, equals, value = argument.partition("=")
        positive = flag.replace("--no-", "--", 1)
        if argument == "--":
            return [*plain, argument, *waiting], overrides
        if positive in by_flag and by_flag[positive].is_switch and not equals:
            overrides.append(by_flag[positive].override(str(flag == positive).lower()))
        elif flag in by_flag or flag == IMPORTS_FLAG:
            if not equals:
                value = value_after(flag, waiting)
            if flag in by_flag:
                overrides.append(by_flag[flag].override(value))
            else:
                modules.append(value)
        else:
            (overrides if is_override(argument, options) else plain).append(argument)
    return plain, overrides + ([f"{IMPORTS}=[{','.join(modules)}]"] if modules else [])


def value_after(flag: str, waiting: list[str]) -> str:
    if not waiting:
        raise ConfigError(f"{flag}: needs a value; write {flag}=VALUE")
    return waiting.pop(0)


def is_override(argument: str, options: Iterable[ConfigOption]) -> bool:
    """Whether an argument sets an option, of this command or of a run; anything else is a file."""
    match = OVERRIDE.fullmatch(argument)
    names = {item.name for item in fields(RunConfig)}
    names |= {option.path.partition(".")[0] for option in options}
    return match is not None and match[1] in names


def ensure_known(overrides: Sequence[str], options: Sequence[ConfigOption]) -> None:
    """Raise ConfigError with every override that the command does not take."""
    paths = [*(option.path for option in options), IMPORTS]
    problems = [
        f"{path}: is not an option of this command; {choices(path, paths)}"
        for path in (item.partition("=")[0] for item in overrides)
        if path not in paths and not any(p.endswith(".") and path.startswith(p) for p in paths)
    ]
    if problems:
        raise ConfigError(problems)


def overrides_of(context: typer.Context) -> tuple[list[str], list[str]]:
    """What a command line sets: overrides, and the modules that it imported."""
    overrides: list[str] = context.meta[OVERRIDES]
    settings = [item for item in overrides if not item.startswith(f"{IMPORTS}=")]
    return settings, imports_of(overrides) or []


def with_options(context: typer.Context, section: str, config: T) -> T:
    """A section of a run's configuration with what the command line sets.

    Raises:
        ConfigError: an option has a wrong type, or options contradict each other or the rest.
    """
    prefix = f"{section}."
    typed = [item for item in context.meta[OVERRIDES] if item.startswith(prefix)]
    changed = with_overrides(config, [item.removeprefix(prefix) for item in typed], prefix)
    names = {item.removeprefix(prefix).partition("=")[0] for item in typed}
    if problems := problems_of_set(changed, names, prefix):
        raise ConfigError(problems)
    return changed


def is_set(context: typer.Context, path: str) -> bool:
    """Whether the command line sets an option."""
    return any(item.startswith(f"{path}=") for item in context.meta[OVERRIDES])
