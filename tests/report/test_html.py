import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seq2seq.attention.config import Role, WeightKind
from seq2seq.report.html import LEVELS, NOT_FINITE, quantised, to_json, write_report
from seq2seq.report.page import Layer, SentenceWeights
from tests.report.pages import ATTACK, FULL, HEADS, TEXTS, page, weights


class Elements(HTMLParser):
    """Every element with its attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inside = False
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[-1] += data

    def blocks(self) -> dict[str, Any]:
        """JSON of the page by its id."""
        scripts = zip(self.elements, self.texts, strict=True)
        return {
            str(a["id"]): json.loads(t)
            for (_, a), t in scripts
            if a.get("type") == "application/json"
        }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, page(), weights(page()))
    return path.read_text(encoding="utf-8")


def test_sentences_come_back_whole_and_add_no_element(written: str) -> None:
    elements = Elements(written)
    data = elements.blocks()["data"]
    for sentence, (source, hypothesis, reference, links) in zip(
        data["sentences"], TEXTS, strict=True
    ):
        texts = [" ".join(sentence[side]) for side in ("source", "hypothesis", "reference")]
        assert texts == [source, hypothesis, reference]
        assert {tuple(link) for link in sentence["links"]} == links
    scripts = [attributes for tag, attributes in elements.elements if tag == "script"]
    assert len(scripts) == 2 + sum(bool(source) for source, *_ in TEXTS)
    assert all(
        not {"src", "onerror", "onmouseover"} & set(attributes)
        for _, attributes in elements.elements
    )
    assert not {"img", "link", "iframe", "object"} & {tag for tag, _ in elements.elements}


@pytest.mark.parametrize(
    "text", [ATTACK, "<!--<script>", "]]>", "\u2028\u2029\0\x1b", "&lt;", "日本 עברית 😀"]
)
def test_embedded_json_holds_no_character_that_html_reads(text: str) -> None:
    embedded = to_json({text: [text]})
    assert not set(embedded) & set("<>&")
    assert json.loads(embedded) == {text: [text]}


def test_the_title_is_escaped(tmp_path: Path) -> None:
    content = page()
    write_report(
        tmp_path / "a.html", type(content)(**{**vars(content), "title": ATTACK + "$data \0"}), []
    )
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert ATTACK not in text
    assert text.count("<title>") == text.count("</title>") == 1


def test_the_policy_allows_the_viewer_and_nothing_else(written: str) -> None:
    elements = Elements(written)
    policy = next(
        str(a["content"]) for tag, a in elements.elements if tag == "meta" and "http-equiv" in a
    )
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    script = next(
        t
        for (tag, a), t in zip(elements.elements, elements.texts, strict=True)
        if tag == "script" and not a
    )
    style = next(
        t for (tag, _), t in zip(elements.elements, elements.texts, strict=True) if tag == "style"
    )
    assert allowed == {
        base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in (script, style)
    }
    assert not any("style" in attributes for _, attributes in elements.elements)


def test_weights_are_known_to_half_a_level() -> None:
    values = np.linspace(0, 1, 1001)
    stored = (quantised(values).astype(float) / LEVELS) ** 2
    assert (np.abs(stored - values) <= 0.004 * np.sqrt(values) + 1e-5).all()
    assert quantised(np.array([np.nan, np.inf, -0.1, 1.1])).tolist() == [
        NOT_FINITE,
        NOT_FINITE,
        0,
        LEVELS,
    ]


def test_weights_lie_in_the_order_of_roles_layers_and_heads(tmp_path: Path) -> None:
    kernel, none = Layer("linear", WeightKind.kernel), Layer("linformer", WeightKind.none)
    content = page(
        {Role.ENCODER: [none, kernel], Role.CAUSAL: [FULL], Role.CROSS: [none]}, with_attention=1
    )
    encoder = torch.arange(HEADS * 4).reshape(1, HEADS, 2, 2) / 100
    causal = torch.arange(HEADS * 9).reshape(1, HEADS, 3, 3) / 100
    sentence = SentenceWeights(
        ["▁a", "</s>"], ["▁b\n", "c"], {Role.ENCODER: encoder, Role.CAUSAL: causal}
    )
    write_report(tmp_path / "a.html", content, [(0, sentence)])
    blocks = Elements((tmp_path / "a.html").read_text(encoding="utf-8")).blocks()
    assert (blocks["attention-0"]["source"], blocks["attention-0"]["target"]) == (
        ["▁a", "</s>"],
        ["▁b\\n", "c"],
    )
    stored = np.frombuffer(
        zlib.decompress(base64.b64decode(blocks["attention-0"]["weights"])), np.uint8
    )
    expected = torch.cat([encoder.flatten(), causal.flatten()]).numpy()
    assert np.allclose((stored / LEVELS) ** 2, expected, atol=0.004)
    roles = {
        role["role"]: [layer["weights"] for layer in role["layers"]]
        for role in blocks["data"]["roles"]
    }
    assert roles == {"ENCODER": ["none", "kernel"], "CAUSAL": ["attention"], "CROSS": ["none"]}


def test_weights_of_another_shape_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    wrong = SentenceWeights(["a"], [], dict.fromkeys(Role, torch.zeros(2, HEADS, 1, 2)))
    with pytest.raises(AssertionError, match="is expected"):
        write_report(tmp_path / "a.html", page(), [(0, wrong)])
    assert list(tmp_path.iterdir()) == []
