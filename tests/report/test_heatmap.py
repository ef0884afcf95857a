import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import image

from seq2seq.report import fonts, heatmap, labels
from seq2seq.report.fonts import font_families
from seq2seq.report.heatmap import save_heatmap
from seq2seq.report.labels import label, readable, visual_order


def draw(
    path: Path,
    rows: list[str],
    columns: list[str],
    weights: np.ndarray | None = None,
    title: str = "",
) -> np.ndarray:
    values = (
        np.random.default_rng(0).random((len(rows), len(columns))) if weights is None else weights
    )
    save_heatmap(path, values, columns, rows, title=title)
    return np.asarray(image.imread(path))


def test_a_picture_is_drawn_and_grows_with_the_sentences(tmp_path: Path) -> None:
    small = draw(tmp_path / "small.png", ["a"] * 3, ["b"] * 4)
    large = draw(tmp_path / "large.png", ["a"] * 12, ["b"] * 24)
    assert large.shape[0] > small.shape[0] + 9 * 0.9 * heatmap.CELL * heatmap.DPI
    assert large.shape[1] > small.shape[1] + 20 * 0.9 * heatmap.CELL * heatmap.DPI
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["large.png", "small.png"]


def test_rows_are_target_pieces_from_the_top_and_columns_source_pieces_from_the_left(
    tmp_path: Path,
) -> None:
    weights = np.zeros((5, 8))
    weights[1, 6] = 1
    picture = draw(tmp_path / "a.png", [""] * 5, [""] * 8, weights)
    dark_blue = (picture[..., 2] > picture[..., 0] + 0.2) & (picture[..., 0] < 0.1)
    rows, columns = np.nonzero(
        dark_blue[:, : int(0.85 * picture.shape[1])]
    )  # without the colour bar
    assert np.median(rows) < picture.shape[0] * 0.45
    assert np.median(columns) > picture.shape[1] * 0.5


def test_long_sentences_stay_within_what_can_be_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heatmap, "LARGE_SIDE", 400)
    monkeypatch.setattr(heatmap, "LARGEST_SIDE", 500)
    assert max(draw(tmp_path / "a.png", ["a"] * 40, ["b"] * 30).shape) < 600


@pytest.mark.parametrize(
    "pieces",
    [
        ["$x^2$", "$", "$\\frac$", "a_b", "\\frac", "%", "#", "{", "▁$a$"],
        ["\n", "\t", " ", "", "\0", "\u200b", "\ud800", "\u2028"],
        ["▁שלום", "▁עולם", "▁مرحبا", "שָׁ", "abc", "12"],
        [
            "你好",
            "ひらがな",
            "한국어",
            "हिन्दी",
            "ไทย",
            "😀",
            "\U0001f468\u200d\U0001f469",
            "e\u0301",
        ],
        ["x" * 500],
    ],
)
def test_any_piece_can_be_drawn(tmp_path: Path, pieces: list[str]) -> None:
    draw(tmp_path / "a.png", pieces, pieces[::-1], title=" ".join(pieces))


def test_weights_may_be_tensors_empty_constant_or_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.png"
    save_heatmap(
        path, torch.rand(1, 2, dtype=torch.bfloat16, requires_grad=True), ["a", "b"], ["c"]
    )
    for weights in (
        np.zeros((2, 2)),
        np.full((2, 2), np.nan),
        np.array([[1, np.inf], [0, np.nan]], dtype=np.float16),
    ):
        save_heatmap(path, weights, ["a", "b"], ["c", "d"])
    save_heatmap(path, np.zeros((0, 2)), ["a", "b"], [])
    save_heatmap(path, np.zeros((2, 0)), [], ["a", "b"], title="nothing")
    with pytest.raises(AssertionError, match="2 target and 1 source"):
        save_heatmap(path, np.zeros((1, 2)), ["a"], ["c", "d"])


def test_pyplot_is_not_touched(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, numpy; from seq2seq.report.heatmap import save_heatmap;"
        f"path = pathlib.Path({str(tmp_path / 'a.png')!r});"
        "save_heatmap(path, numpy.ones((1, 1)), ['a'], ['b']);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", ["▁a", "b"], ["c"], title="t")
    draw(tmp_path / "b.png", ["▁a", "b"], ["c"], title="t")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_labels_are_readable() -> None:
    assert readable("a\nb\0\u200b") == "a\\nb\\x00\\u200b"
    assert readable("  ") == "␣␣"
    assert readable("▁été $") == "▁été $"
    assert label("x" * 31) == "x" * 29 + "…"
    assert label("x" * 30) == "x" * 30


@pytest.mark.parametrize(
    ("logical", "seen"),
    [
        ("abc 12, x", "abc 12, x"),
        ("אבג", "גבא"),
        ("▁אבג", "גבא▁"),
        ("ab אבג cd", "ab גבא cd"),
        ("אבג 12", "12 גבא"),
        ("אב, גד", "דג ,בא"),
        ("אָב", "באָ"),
        ("…!", "…!"),
        ("", ""),
    ],
)
def test_right_to_left_text_in_the_order_it_is_seen(logical: str, seen: str) -> None:
    assert visual_order(logical) == seen


def test_order_is_left_to_a_matplotlib_that_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "shapes_text", lambda: True)
    assert label("אבג") == "אבג"
    monkeypatch.setattr(labels, "shapes_text", lambda: False)
    assert label("אבג") == "גבא"


def test_fonts_are_chosen_by_what_they_have(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = {
        fonts.FIRST_FONT: "first",
        "Emoji": "emoji",
        "Chinese": "chinese",
        "More Chinese": "more",
    }
    has = {"first": set("abc"), "emoji": set(), "chinese": set("你a"), "more": set("你好")}
    monkeypatch.setattr(fonts, "installed_fonts", lambda: files)
    monkeypatch.setattr(fonts, "coverage", lambda path: frozenset(map(ord, has[path])))
    fonts.families_for.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert font_families("abc a") == [fonts.FIRST_FONT]
        assert font_families("a你") == [fonts.FIRST_FONT, "Chinese"]
        assert font_families("好你") == [fonts.FIRST_FONT, "Chinese", "More Chinese"]
        assert not caplog.records
        assert font_families("aж") == [fonts.FIRST_FONT]
        assert "no installed font has ж" in caplog.text
    fonts.families_for.cache_clear()


def test_the_font_that_comes_with_matplotlib_is_found() -> None:
    installed = fonts.installed_fonts()
    assert next(iter(installed)) == fonts.FIRST_FONT
    assert {ord(c) for c in "aßЖω▁…␣שم"} <= fonts.coverage(installed[fonts.FIRST_FONT])
    assert not any(name.startswith("Last Resort") for name in installed)
    assert fonts.coverage("/no/such/font") == frozenset()
