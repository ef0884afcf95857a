"""report.html: sentences, scores, word links and attention as one page that opens from disk and requests nothing.

Sentences are not trusted. They stand in the page as JSON in which `<`, `>` and `&` are escapes, and the viewer puts
them on the screen as text, never as HTML. The page's policy runs the viewer by its hash and allows nothing else: no
other script, no style, no request.

Weights are a byte each, by which a weight w is known to about 0.004 * sqrt(w); they are decoded when a sentence is
chosen. The files viewer*.* beside this one are the viewer.
"""

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from torch import Tensor

from seq2seq.alignment.links import Links
from seq2seq.attention.config import Role, WeightKind
from seq2seq.files import atomic_file
from seq2seq.metrics.base import Metric
from seq2seq.metrics.score import Score
from seq2seq.report.heatmap import readable

HERE = Path(__file__).parent
SCRIPTS = (
    "list",
    "links",
    "weights",
    "matrix",
    "attention",
)  # viewer_<name>.js, before viewer.js, which starts them
LEVELS, NOT_FINITE = 254, 255  # a byte b stands for (b / LEVELS) ** 2


@dataclass(frozen=True)
class Layer:
    """The attention of a role in a layer: the name of its mechanism, and what it can say about where it looked."""

    mechanism: str
    weights: WeightKind


@dataclass(frozen=True)
class Sentence:
    """A sentence pair with its translation.

    Attributes:
        source: its words, or what else alignments link.
        links: (source word, translation word) pairs, counted from 0; a word of a translation is a
            run of non-space characters.
        scores: of the translation, by the metrics' names.
        caption: shown in the list in place of the source; empty shows its words.
    """

    source: Sequence[str]
    hypothesis: str
    reference: str
    links: Links
    scores: Mapping[str, float]
    caption: str = ""


@dataclass(frozen=True)
class Page:
    """What the page says beside attention weights.

    Attributes:
        title, description: plain text.
        metrics: of the scores, in the order they are shown.
        scores: of the corpus, by the metrics' names.
        roles: the layers of every role, first to last.
        num_heads: in every layer.
        sentences: in the order of their files.
        with_attention: so many of the first sentences have weights, unless they are empty lines.
        no_links: why no sentence has links; empty if some have.
        word: what a source consists of.
    """

    title: str
    description: str
    metrics: Sequence[Metric]
    scores: Mapping[str, Score]
    roles: Mapping[Role, Sequence[Layer]]
    num_heads: int
    sentences: Sequence[Sentence]
    with_attention: int
    no_links: str = ""
    word: str = "word"


@dataclass(frozen=True)
class SentenceWeights:
    """Attention over a sentence of S source subwords, with the sentence end, and T subwords of translation.

    Attributes:
        source_pieces, target_pieces: S and T of them, the latter without sentence start and end.
        weights: of each role (layers, heads, queries, keys) for the layers that have weights, at the least nothing:
            (.., S, S) in the encoder; in the decoder, whose inputs are the sentence start and the translation,
            (.., T + 1, T + 1), and (.., T + 1, S) in cross-attention.
    """

    source_pieces: Sequence[str]
    target_pieces: Sequence[str]
    weights: Mapping[Role, Tensor]


def write_report(path: Path, page: Page, weights: Iterable[tuple[int, SentenceWeights]]) -> None:
    """Write the page, taking the place of one that stands there once it is whole.

    Args:
        weights: number of a sentence and its weights; taken and written one after another.
    """
    head, foot = shell(page)
    with atomic_file(path) as file:
        file.write(head.encode("utf-8", "replace"))
        for number, each in weights:
            assert number < page.with_attention, (
                f"weights of sentence {number}, of {page.with_attention}"
            )
            block = f'<script type="application/json" id="attention-{number}">{to_json(packed(page, each))}</script>\n'
            file.write(block.encode("utf-8", "replace"))
        file.write(foot.encode())


def shell(page: Page) -> tuple[str, str]:
    """The page up to where weights begin, and what follows them."""
    style = (HERE / "viewer.css").read_text(encoding="utf-8")
    files = [*(f"viewer_{name}.js" for name in SCRIPTS), "viewer.js"]
    script = "\n".join((HERE / file).read_text(encoding="utf-8") for file in files)
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = (HERE / "viewer.html").read_text(encoding="utf-8").split("$attention")
    values = {
        "title": html.escape(page.title),
        "policy": policy,
        "style": style,
        "script": script,
        "data": to_json(content(page)),
    }
    head, foot = (Template(part).substitute(values) for part in parts)
    return head, foot


def digest(text: str) -> str:
    """The name by which a content security policy knows a script or style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def content(page: Page) -> dict[str, Any]:
    """The page for the viewer: plain lists and dictionaries."""
    return {
        "title": page.title,
        "description": page.description,
        "metrics": [
            {
                "name": metric.name,
                "label": metric.label,
                "score": page.scores[metric.name].score,
                "signature": page.scores[metric.name].signature,
            }
            for metric in page.metrics
        ],
        "roles": [
            {
                "role": role.name,
                "name": role.value,
                "layers": [
                    {
                        "mechanism": layer.mechanism,
                        "weights": layer.weights.name,
                        "says": layer.weights.value,
                    }
                    for layer in page.roles[role]
                ],
            }
            for role in Role
        ],
        "heads": page.num_heads,
        "with_attention": page.with_attention,
        "no_links": page.no_links,
        "word": page.word,
        "sentences": [
            {
                "source": list(each.source),
                "caption": each.caption,
                "hypothesis": each.hypothesis.split(),
                "reference": each.reference.split(),
                "links": sorted(each.links),
                "scores": {name: round(value, 2) for name, value in each.scores.items()},
            }
            for each in page.sentences
        ],
    }


def packed(page: Page, each: SentenceWeights) -> dict[str, Any]:
    """Pieces and weights of a sentence for the viewer; viewer_weights.js says how they are laid out."""
    source, target = len(each.source_pieces), len(each.target_pieces) + 1
    sizes = {
        Role.ENCODER: (source, source),
        Role.CAUSAL: (target, target),
        Role.CROSS: (target, source),
    }
    content = b""
    for role in Role:
        layers = sum(layer.weights is not WeightKind.none for layer in page.roles[role])
        if not layers:
            continue
        expected = (layers, page.num_heads, *sizes[role])
        given = each.weights[role]
        assert given.shape == expected, (
            f"{role.value}: weights {tuple(given.shape)} where {expected} is expected"
        )
        content += quantised(given.detach().cpu().float().numpy()).tobytes()
    return {
        "source": [readable(piece) for piece in each.source_pieces],
        "target": [readable(piece) for piece in each.target_pieces],
        "weights": base64.b64encode(zlib.compress(content)).decode(),
    }


def quantised(weights: np.ndarray) -> np.ndarray:
    """A byte a weight, finer for small weights: they are what a long sentence has most of."""
    levels = np.rint(LEVELS * np.sqrt(np.clip(weights, 0, 1)))
    return np.where(np.isfinite(weights), levels, NOT_FINITE).astype(np.uint8)


def to_json(value: object) -> str:
    """JSON that cannot end the script element it stands in, nor begin a comment or another element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
