"""Groups of commands, one of which runs where none is named."""

from typing import Any, ClassVar

from typer.core import TyperGroup


class DefaultGroup(TyperGroup):
    """A group with a default command: `align --run DIR ...` is `align text --run DIR ...`."""

    default: ClassVar[str]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def with_default(name: str) -> type[DefaultGroup]:
    """The class of a group whose default command has this name."""
    return type("DefaultGroup", (DefaultGroup,), {"default": name})
