"""Bring docs/configuration.md up to date with the dataclasses of the configuration.

python scripts/configuration_page.py
"""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, fields
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from seq2seq.attention.config import MECHANISMS, AttentionConfig
from seq2seq.config.describe import attribute_docs, type_of
from seq2seq.config.groups import group_options, groups_of
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.data.config import DataConfig
from seq2seq.data.corpora import CORPORA, FilesConfig, SplitFiles
from seq2seq.options import Options, range_of
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig
from seq2seq.training.auxiliary import AUXILIARY_LOSSES, AuxiliaryLossConfig
from seq2seq.training.transforms import BATCH_TRANSFORMS, BatchTransformConfig

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
HEAD = """# Configuration

<!-- written by scripts/configuration_page.py -->

Options of `train.py` and `evaluate.py`, by their paths: `python train.py model.dropout=0.2`. The
other commands take those of `decoding` and `alignment` that they read, under the same paths. A
configuration is checked before any data is read: what is out of its range, not finite, set but not
read, or impossible together with the rest is refused with its path. `python train.py --cfg job`
prints a whole configuration.

`imports=[path/to/module.py]` adds what a module of yours defines to the choices below.
"""
FAMILIES: tuple[tuple[str, str, type[Options], Iterable[type[Options]]], ...] = (
    (
        "Attention mechanisms",
        "Options of `model.encoder.self_attention`, `model.decoder.self_attention` and "
        "`model.decoder.cross_attention`, chosen by `encoder_attention=`, `decoder_attention=` and "
        "`cross_attention=`.",
        AttentionConfig,
        [kind for _, kind in MECHANISMS.items()],
    ),
    (
        "Position schemes",
        "Options of `model.position`, chosen by `position=`.",
        PositionConfig,
        [kind for _, kind in POSITION_SCHEMES.items()],
    ),
    (
        "Corpora",
        "Further options of `data`; the files of `conf/data` choose a corpus and some options.",
        DataConfig,
        [kind for _, kind in CORPORA.items()],
    ),
    (
        "Batch transforms",
        "Entries of `batch_transforms`: `batch_transforms=[{name: word_dropout, source: 0.2}]`.",
        BatchTransformConfig,
        [kind for _, kind in BATCH_TRANSFORMS.items()],
    ),
    (
        "Auxiliary losses",
        "Entries of `auxiliary_losses`: `auxiliary_losses=[{name: r_drop, weight: 2.5}]`.",
        AuxiliaryLossConfig,
        [kind for _, kind in AUXILIARY_LOSSES.items()],
    ),
)


def page() -> str:
    """The text of docs/configuration.md."""
    parts = [HEAD, groups_section(), "## Training\n", *sections(RunConfig(), "")]
    for title, text, base, kinds in FAMILIES:
        parts += [f"## {title}\n", f"{text}\n", *family_tables(base, kinds)]
    parts += ["## Evaluation\n", *sections(EvaluateConfig(), "")]
    return "\n".join(parts)


def groups_section() -> str:
    """A table of the groups of train.py, with their options."""
    rows = [
        [
            f"`{group}=`",
            f"`{default.replace('None', 'null')}`",
            ", ".join(f"`{name}`" for name in group_options(group)),
        ]
        for group, default in groups_of("train").items()
    ]
    text = "A group sets several options at once, `model=small`. Options typed beside it prevail.\n"
    return f"## Groups\n\n{text}\n{table(['group', 'default', 'choices'], rows)}"


def sections(config: Any, path: str) -> Iterator[str]:
    """The tables of a dataclass and of those in it, but for choices of a class."""
    plain, nested = [], []
    for item in fields(config):
        value = getattr(config, item.name)
        (nested if isinstance(value, Options) else plain).append((item, value))
    skipped = ("name",) if path in ("data.",) else ()
    rows = [option_row(type(config), item, path) for item, _ in plain if item.name not in skipped]
    if path:
        yield f"### {path.rstrip('.')}\n\n{summary(type(config))}\n"
    yield table(["option", "default", "values", "meaning"], rows)
    for item, value in nested:
        if not isinstance(value, AttentionConfig | PositionConfig):
            base = DataConfig() if isinstance(value, DataConfig) else value
            yield from sections(base, f"{path}{item.name}.")


def family_tables(base: type[Options], kinds: Iterable[type[Options]]) -> Iterator[str]:
    """The options that all classes of a family have, and then the further ones of each class."""
    shared = {item.name: item for item in fields(base)}  # type: ignore[arg-type]
    rows = [option_row(base, item, "") for item in shared.values() if item.name != "name"]
    if rows and base is not DataConfig:
        yield table(["option", "default", "values", "meaning"], rows)
    for kind in kinds:
        further = [
            option_row(kind, item, "")
            for item in fields(kind)  # type: ignore[arg-type]
            if item.name != "name"
            and (item.name not in shared or default_of(item) != default_of(shared[item.name]))
            and not isinstance(default_of(item), Options)
        ]
        yield f"### {kind.name}\n\n{summary(kind)}\n"  # type: ignore[attr-defined]
        if further:
            yield table(["option", "default", "values", "meaning"], further)
        if kind is FilesConfig:
            items = fields(SplitFiles)
            rows = [option_row(SplitFiles, item, "train.") for item in items]
            yield f"Of each split, here `train`:\n\n{table(['option', '', '', 'meaning'], rows)}"


def summary(kind: type) -> str:
    """The docstring of a class down to its attributes."""
    return inspect.cleandoc(kind.__doc__ or "").partition("Attributes:")[0].strip()


def option_row(kind: type, item: "Field[Any]", path: str) -> list[str]:
    meaning = attribute_docs(kind)[item.name]
    default = default_of(item)
    return [f"`{path}{item.name}`", f"`{shown(default)}`", values(kind, item.name), meaning]


def default_of(item: "Field[Any]") -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def shown(default: Any) -> str:
    """A default as it is typed."""
    if isinstance(default, Enum):
        return default.name
    if isinstance(default, list):
        return f"[{', '.join(map(str, default))}]"
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return str(default) if default != "" else '""'


def values(kind: type, name: str) -> str:
    """The values that an option may have."""
    hint, bounds = type_of(kind, name), range_of(kind, name)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{member.name}`" for member in hint)
    if get_origin(hint) is list:
        (element,) = get_args(hint)
        return {int: "whole numbers", str: "names"}.get(element, "a list")
    kinds = {
        bool: "`true`, `false`",
        int: "whole number",
        float: "number",
        Any: "text, or a list of texts",
    }
    text = kinds.get(hint, "text")
    return text if bounds is None else f"{text}, {bounds.text()}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|").replace("<", "\\<") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
