"""The generated parts of docs/attention.md are those of the code."""

from pathlib import Path

from scripts.attention_page import IMAGES, PAGE, drawings, drawn_mechanisms, refreshed, save_drawing

REMEDY = "run python scripts/attention_page.py"


def test_the_tables_of_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == refreshed(page), REMEDY


def test_the_drawings_of_the_page(tmp_path: Path) -> None:
    assert drawn_mechanisms() == ["full", "local", "strided", "logsparse", "block_sparse"]
    for name, config in drawings().items():
        save_drawing(tmp_path / f"{name}.svg", config)
        drawing = (tmp_path / f"{name}.svg").read_bytes()
        assert (IMAGES / f"{name}.svg").read_bytes() == drawing, REMEDY
    assert {path.stem for path in IMAGES.iterdir()} == set(drawings())
