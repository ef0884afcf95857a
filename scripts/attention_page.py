"""Bring docs/attention.md up to date with the code: its table, and the drawings below docs/images/.

python scripts/attention_page.py
"""

from pathlib import Path

from seq2seq.attention.config import mechanisms
from seq2seq.report.mechanisms import DRAWN, mechanism_table, save_pattern

PAGE = Path(__file__).parents[1] / "docs" / "attention.md"
START, END = "<!-- table: written by scripts/attention_page.py -->", "<!-- end of table -->"


def with_table(page: str) -> str:
    """The page with a fresh table between its marks."""
    before, rest = page.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{mechanism_table()}\n\n{END}{after}"


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name in DRAWN:
        save_pattern(PAGE.parent / "images" / f"{name}.svg", mechanisms()[name]())
    print(f"{PAGE} and {len(DRAWN)} drawings")


if __name__ == "__main__":
    main()
