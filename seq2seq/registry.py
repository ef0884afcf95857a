"""Registries: options of one kind that a configuration chooses by name."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from seq2seq.errors import ConfigError, choices

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes by the name that a configuration calls them.

    A class enters by the decorator `register`, in this package or in a module that `imports=`
    names. Iteration is over names, in the order of registration.

    Args:
        kind: what the classes are, in messages: "attention mechanism".
        attribute: class attribute that holds the name.
    """

    def __init__(self, kind: str, *, attribute: str = "name") -> None:
        self.kind = kind
        self.attribute = attribute
        self._classes: dict[str, type[T]] = {}

    def register(self, cls: type[T]) -> type[T]:
        """Add a class; returns it, so that this serves as a decorator.

        Raises:
            ConfigError: another class has its name, or it has no name.
        """
        name = getattr(cls, self.attribute, "")
        if not isinstance(name, str) or not name:
            raise ConfigError(
                f"{self.kind} {cls.__qualname__}: must have a name; set {self.attribute}"
            )
        present = self._classes.get(name)
        if present is not None and _place(present) != _place(cls):
            raise ConfigError(
                f"{self.kind} {name!r}: is defined by both {_place(present)} and {_place(cls)}; "
                "give one of them another name"
            )
        self._classes[name] = cls
        return cls

    def __getitem__(self, name: str) -> type[T]:
        """The class of a name.

        Raises:
            ConfigError: no class has it.
        """
        if name not in self._classes:
            raise ConfigError(f"no {self.kind} is called {name!r}; {choices(name, list(self))}")
        return self._classes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def items(self) -> list[tuple[str, type[T]]]:
        """Names and classes, in the order of registration."""
        return list(self._classes.items())

    def values(self) -> list[type[T]]:
        """Classes, in the order of registration."""
        return list(self._classes.values())

    def remove(self, name: str) -> None:
        """Take a class out again: for tests that register one."""
        del self._classes[name]


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
