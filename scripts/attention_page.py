"""Bring docs/attention.md up to date with the code: the table and the drawings of mechanisms.

    python scripts/attention_page.py

A mechanism whose core has a pattern gets a drawing below docs/images/, with the docstring of the
pattern, and another with options that are off by default; the others read what `full` reads.
"""

import inspect
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import torch

from seq2seq.attention.base import AttentionCore, build_core
from seq2seq.attention.config import MECHANISMS, AttentionConfig, AttentionContext, Role
from seq2seq.attention.contract.clauses import CLAUSES
from seq2seq.files import atomic_file
from seq2seq.imports import class_named
from seq2seq.position.config import POSITION_SCHEMES

PAGE = Path(__file__).parents[1] / "docs" / "attention.md"
IMAGES = PAGE.parent / "images"
ROLES = {Role.ENCODER: "encoder", Role.CAUSAL: "decoder", Role.CROSS: "cross"}
OPTIONS = {"local": {"window_sinks": 2}}  # that change a pattern, and values for a drawing
POSITIONS = 24  # queries and keys of a drawing
CELL, MARGIN, GAP = 10, 34, 44  # pixels


def mechanism_table() -> str:
    """A Markdown table with a row for every mechanism."""
    head = ["name", "what", "roles", "time", "decoding state", "exports", "dropout"]
    head += ["positions", "modifiers"]
    lines = [head, ["---"] * len(head), *(table_row(config) for config in MECHANISMS.values())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def table_row(config: type[AttentionConfig]) -> list[str]:
    """The cells of a mechanism."""
    summary = (config.__doc__ or "").split("\n")[0].rstrip(".")
    schemes = POSITION_SCHEMES.items()
    refused = [name for name, scheme in schemes if not config.carries(scheme.kind)]
    return [
        f"`{config.name}`",
        summary,
        ", ".join(name for role, name in ROLES.items() if role in config.roles),
        config.cost,
        config.state,
        config.weights.value,
        "yes" if config.drops_weights else "no",
        f"all but {', '.join(refused)}" if refused else "all",
        ", ".join(f"`{option}`" for option in config.modifiers()) or "none",
    ]


def core_class(name: str) -> type[AttentionCore]:
    """The core of a mechanism."""
    return class_named(MECHANISMS[name](), "core")


def drawn_mechanisms() -> list[str]:
    """`full` and the mechanisms whose core has a pattern."""
    return [
        name
        for name in MECHANISMS
        if name == "full" or core_class(name).pattern is not AttentionCore.pattern
    ]


def drawings() -> dict[str, AttentionConfig]:
    """What is drawn, by the name of its file."""
    drawn = {name: MECHANISMS[name]() for name in drawn_mechanisms()}
    for name, options in OPTIONS.items():
        drawn["-".join([name, *options])] = replace(MECHANISMS[name](), **options)
    return drawn


def pattern_section() -> str:
    """The drawings in Markdown, each with the docstring of its pattern."""
    drawn = drawn_mechanisms()
    others = ", ".join(f"`{name}`" for name in MECHANISMS if name not in drawn)
    parts = []
    for name in drawn:
        text = " ".join((inspect.getdoc(core_class(name).pattern) or "").split())
        if name == "full":
            text += f" The same holds for {others}."
        parts += [f"**{name}**: {text}", f"![{name}](images/{name}.svg)"]
        if name in OPTIONS:
            given = ", ".join(f"{option}={value}" for option, value in OPTIONS[name].items())
            file = "-".join([name, *OPTIONS[name]])
            parts += [f"`{name}` with `{given}`:", f"![{file}](images/{file}.svg)"]
    return "\n\n".join(parts)


def clause_table() -> str:
    """A Markdown table of the clauses of the contract."""
    rows = [f"| {name} | {text} |" for name, text in CLAUSES.items()]
    return "\n".join(["| clause | what holds |", "| --- | --- |", *rows])


SECTIONS = {"table": mechanism_table, "patterns": pattern_section, "clauses": clause_table}


def refreshed(page: str) -> str:
    """The page with each generated section written anew between its marks."""
    for name, write in SECTIONS.items():
        start = f"<!-- {name}: written by scripts/attention_page.py -->"
        end = f"<!-- end of {name} -->"
        before, _, after = page.partition(start)
        page = f"{before}{start}\n\n{write()}\n\n{end}{after.partition(end)[2]}"
    return page


def save_drawing(path: Path, config: AttentionConfig) -> None:
    """Draw as SVG which keys each query may read: a panel as encoder and one as decoder."""
    side = POSITIONS * CELL
    panels = [role for role in (Role.ENCODER, Role.CAUSAL) if role in config.roles]
    width, height = MARGIN + len(panels) * (side + GAP), MARGIN + side + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" font-size="12" '
        'fill="#1f2937">',
        f"<title>{escape(config.name)}: the keys that each query may read</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for index, role in enumerate(panels):
        parts += panel(config, role, MARGIN + index * (side + GAP))
    with atomic_file(path) as file:
        file.write("\n".join([*parts, "</svg>", ""]).encode())


def panel(config: AttentionConfig, role: Role, left: int) -> list[str]:
    """SVG elements of one role: queries downwards, keys to the right."""
    side = POSITIONS * CELL
    runs = runs_of(config, role)
    cells = [
        f'<rect x="{left + first * CELL}" y="{MARGIN + i * CELL}" '
        f'width="{(end - first) * CELL}" height="{CELL}"/>'
        for i, first, end in runs
    ]
    steps = range(0, side + 1, CELL)
    lines = "".join(f"M{left + n} {MARGIN}v{side}M{left} {MARGIN + n}h{side}" for n in steps)
    middle, half = left + side // 2, MARGIN + side // 2
    read = sum(end - first for _, first, end in runs)
    return [
        '<g fill="#2563eb">',
        *cells,
        "</g>",
        f'<path d="{lines}" stroke="#d1d5db" stroke-width="0.5" fill="none"/>',
        f'<text x="{middle}" y="{MARGIN - 20}" text-anchor="middle" font-weight="bold">'
        f"{ROLES[role]}</text>",
        f'<text x="{middle}" y="{MARGIN - 6}" text-anchor="middle">keys →</text>',
        f'<text transform="translate({left - 8} {half}) rotate(90)" text-anchor="middle">'
        "queries →</text>",
        f'<text x="{middle}" y="{MARGIN + side + 18}" text-anchor="middle">'
        f"{read} of {POSITIONS * POSITIONS} pairs</text>",
    ]


def runs_of(config: AttentionConfig, role: Role) -> list[tuple[int, int, int]]:
    """(query, first key, last key + 1) of each unbroken run of keys that may be read."""
    context = AttentionContext(role=role, num_heads=1, head_dim=1, max_length=POSITIONS)
    positions = torch.arange(POSITIONS)
    grid = build_core(config, context).reads(positions[:, None], positions[None])
    edges = torch.nn.functional.pad(grid.expand(POSITIONS, POSITIONS).int(), (1, 1)).diff(dim=1)
    runs = []
    for i, line in enumerate(edges):
        starts, ends = ((line == step).nonzero().flatten().tolist() for step in (1, -1))
        runs += [(i, first, end) for first, end in zip(starts, ends, strict=True)]
    return runs


def main() -> None:
    PAGE.write_text(refreshed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, config in drawings().items():
        save_drawing(IMAGES / f"{name}.svg", config)
    print(f"{PAGE} and {len(drawings())} drawings")


if __name__ == "__main__":
    main()
