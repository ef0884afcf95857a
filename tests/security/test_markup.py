"""Text of users is text: on a terminal, in tables, pictures, file names and TensorBoard."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.score import Scorer
from seq2seq.metrics.significance import SignificanceRow
from seq2seq.report.heatmap import save_heatmap
from seq2seq.results import compare

MARKUP = (
    "[bold red]x[/] [/closed] [link=file:///etc/passwd]y[/link]",
    r"$\frac{1}{0$ ${oc.env:HOME} \input{/etc/passwd} $$",
    "<script>x</script> &amp; \"'>",
    "\x1b[2J\x1b]0;x\x07 \u202ereversed",
)


@pytest.mark.parametrize("name", MARKUP)
def test_names_of_runs_in_a_table_are_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    console = Console(file=written, width=400, force_terminal=True, highlight=False)
    monkeypatch.setattr(compare, "Console", lambda **_: console)
    metrics = Scorer("en", ["bleu"], ScoringProtocol.cased_13a).metrics
    row = SignificanceRow("bleu", name, 1.0, (0.5, 1.5), None, {})
    compare.print_table([row], metrics, name)
    shown = compare.printable(name)
    assert written.getvalue().count(shown) == 2
    assert name.isprintable() or name not in written.getvalue()


@pytest.mark.parametrize("text", MARKUP)
def test_words_in_a_picture_are_text(text: str, tmp_path: Path) -> None:
    labels = [text, *text.split()]
    save_heatmap(
        tmp_path / "a.png", np.ones((len(labels), len(labels))), labels, labels, title=text
    )
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
