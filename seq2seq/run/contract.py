"""What a resumed run is bound to, by category, and how differences are told and refused.

A difference is an option or the content of a file that is not what the run was begun with. Only
`allow_changes=[CATEGORY,...]` lets a run go on in spite of one. Paths are no difference: what
they lead to is compared by hashes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seq2seq.config.plain import as_plain, differences
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, choices

ALLOW = "allow_changes"
CATEGORIES = {
    "data": ("data",),
    "tokenizer": ("data.tokenizer",),
    "batching": ("data.batch", "trainer.accumulate"),
    "model": ("model",),
    "imports": (),
    "base_weights": (),
    "precision": ("trainer.precision",),
    "processes": ("trainer.devices", "trainer.strategy", "trainer.num_nodes"),
    "config": ("",),
}  # of differences, with the options of each: the longest path that fits decides

MAY_CHANGE = (
    "trainer.max_steps",
    "trainer.max_epochs",
    "trainer.accelerator",
    "trainer.num_threads",
    "trainer.progress_every",
    "trainer.report_every",
    "trainer.patience",
    "trainer.evaluate",
    "trainer.keep_last",
    "data.cache_dir",
    "data.batch.ahead",
    "data.verify",
    "data.root",
    "imports",
)  # options that may be named when a run is resumed


@dataclass(frozen=True)
class Difference:
    """One thing that is not what a run was begun with.

    Attributes:
        category: a key of CATEGORIES.
        what: an option's path, or the name of a content.
        before, after: values, or hashes.
    """

    category: str
    what: str
    before: Any
    after: Any

    def entry(self) -> dict[str, Any]:
        """As `changes` of `run.json` lists it."""
        return {"what": self.what, "from": as_plain(self.before), "to": as_plain(self.after)}

    def __str__(self) -> str:
        return f"{self.what}: was {shown(self.before)} when the run began, not {shown(self.after)}"


def shown(value: Any) -> str:
    """A value in a message: hashes shortened, choices by their names."""
    text = str(getattr(value, "name", as_plain(value)))
    is_hash = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return f"SHA-256 {text[:12]}..." if is_hash else text


def category_of(option: str) -> str:
    """The category of an option."""
    fitting = [
        (len(prefix), category)
        for category, prefixes in CATEGORIES.items()
        for prefix in prefixes
        if not prefix or option == prefix or option.startswith(f"{prefix}.")
    ]
    return max(fitting)[1]


def option_differences(before: RunConfig, after: RunConfig) -> list[Difference]:
    """Options that differ."""
    return [
        Difference(category_of(path), path, old, new)
        for path, old, new in differences(before, after)
    ]


def content_differences(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> list[Difference]:
    """Contents by category and name whose hashes differ."""
    return [
        Difference(category, name, old, new)
        for category in sorted({*before, *after})
        for name in sorted({*before.get(category, {}), *after.get(category, {})})
        if (old := before.get(category, {}).get(name, "absent"))
        != (new := after.get(category, {}).get(name, "absent"))
    ]


def ensure_allowed(changes: list[Difference], allowed: Collection[str]) -> list[Difference]:
    """Raise ConfigError unless the categories of all differences are allowed; returns them."""
    refused = [difference for difference in changes if difference.category not in allowed]
    if refused:
        names = sorted({*allowed, *(difference.category for difference in refused)})
        remedy = (
            "undo the change, or go on in spite of it, to other results, by adding "
            f"{ALLOW}=[{','.join(names)}]"
        )
        raise ConfigError([f"{difference}; {remedy}" for difference in refused])
    return changes


def allowed_categories(arguments: Iterable[str]) -> tuple[list[str], set[str]]:
    """The other arguments, and the categories that `allow_changes=[...]` names.

    Raises:
        ConfigError: there is no such category.
    """
    remaining, names = [], set()
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if option != ALLOW or not equals:
            remaining.append(argument)
            continue
        names |= {name.strip() for name in value.strip().strip("[]").split(",") if name.strip()}
    for name in sorted(names):
        if name not in CATEGORIES:
            raise ConfigError(
                f"{ALLOW}: {name!r} is no kind of change; {choices(name, list(CATEGORIES))}"
            )
    return remaining, names
