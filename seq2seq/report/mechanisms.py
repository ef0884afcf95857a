"""What the page about attention shows of the code: a table of all mechanisms, and drawings of what each reads."""

from pathlib import Path
from xml.sax.saxutils import escape

from seq2seq.attention.config import AttentionConfig, Role, mechanisms
from seq2seq.files import atomic_file
from seq2seq.position.config import PositionConfig, PositionKind, position_schemes

POSITIONS = 24  # queries and keys of a drawing
CELL, MARGIN, GAP = 10, 34, 44  # pixels
ROLES = {Role.ENCODER: "encoder", Role.CAUSAL: "decoder", Role.CROSS: "cross"}
DRAWN = ("full", "local", "strided", "logsparse", "block_sparse")


def mechanism_table() -> str:
    """A Markdown table with a line for every mechanism."""
    head = ["name", "what", "roles", "time", "decoding state", "exports", "dropout", "positions"]
    lines = [head, ["---"] * len(head), *(row(config) for config in mechanisms().values())]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def row(config: type[AttentionConfig]) -> list[str]:
    """Its cells in the table."""
    what = (config.__doc__ or "").split("\n")[0].rstrip(".")
    roles = ", ".join(name for role, name in ROLES.items() if role in config.roles)
    refused = ", ".join(
        name for name, scheme in position_schemes().items() if not carries(config, scheme)
    )
    positions = f"all but {refused}" if refused else "all"
    dropout = "yes" if config.drops_weights else "no"
    return [
        f"`{config.name}`",
        what,
        roles,
        config.cost,
        config.state,
        config.weights.value,
        dropout,
        positions,
    ]


def carries(config: type[AttentionConfig], scheme: type[PositionConfig]) -> bool:
    """Whether a self-attention mechanism goes with a position scheme."""
    needs = {PositionKind.ROTARY: config.rotary, PositionKind.BIAS: config.has_logits}
    return needs.get(scheme.kind, True)


def save_pattern(path: Path, config: AttentionConfig) -> None:
    """Draw as an SVG file which keys each query may read: a panel as encoder and one as decoder."""
    side = POSITIONS * CELL
    panels = [role for role in (Role.ENCODER, Role.CAUSAL) if role in config.roles]
    width, height = MARGIN + len(panels) * (side + GAP), MARGIN + side + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' role="img" font-family="sans-serif" font-size="12" fill="#1f2937">',
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
    runs = [
        f'<rect x="{left + first * CELL}" y="{MARGIN + i * CELL}" width="{(end - first) * CELL}" height="{CELL}"/>'
        for i, first, end in runs_of(config, role)
    ]
    steps = range(0, side + 1, CELL)
    lines = "".join(f"M{left + n} {MARGIN}v{side}M{left} {MARGIN + n}h{side}" for n in steps)
    middle, half = left + side // 2, MARGIN + side // 2
    return [
        '<g fill="#2563eb">',
        *runs,
        "</g>",
        f'<path d="{lines}" stroke="#d1d5db" stroke-width="0.5" fill="none"/>',
        f'<text x="{middle}" y="{MARGIN - 20}" text-anchor="middle" font-weight="bold">{ROLES[role]}</text>',
        f'<text x="{middle}" y="{MARGIN - 6}" text-anchor="middle">keys →</text>',
        f'<text transform="translate({left - 8} {half}) rotate(90)" text-anchor="middle">queries →</text>',
        f'<text x="{middle}" y="{MARGIN + side + 18}" text-anchor="middle">{reads_text(config, role)}</text>',
    ]


def reads_text(config: AttentionConfig, role: Role) -> str:
    """How much of the square is read."""
    read = sum(end - first for _, first, end in runs_of(config, role))
    return f"{read} of {POSITIONS * POSITIONS} pairs"


def runs_of(config: AttentionConfig, role: Role) -> list[tuple[int, int, int]]:
    """(query, first key, key after the last) of each unbroken run of keys that may be read."""
    import torch

    from seq2seq.attention.patterns import pattern

    positions = torch.arange(POSITIONS)
    grid = (
        pattern(config, role)(positions[:, None], positions[None])
        .expand(POSITIONS, POSITIONS)
        .int()
    )
    edges = torch.nn.functional.pad(grid, (1, 1)).diff(dim=1)
    return [
        (i, first, end)
        for i, line in enumerate(edges)
        for first, end in zip(
            *((line == step).nonzero().flatten().tolist() for step in (1, -1)), strict=True
        )
    ]
