"""report.html: sentences, scores, word links and attention in one file that needs no network.

Sentences are not trusted. They are embedded as JSON in which `<`, `>` and `&` are escaped, and the
viewer shows them as text, never as HTML. The page's content security policy allows the viewer's
script and style by their hashes and nothing else: no other script, no request.

Weights are stored as one byte each, which gives a weight w to about 0.004 * sqrt(w). They are
decoded when a sentence is chosen. The files viewer*.* beside this one are the viewer; elements.js
is of every page.
"""

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from seq2seq.attention.config import Role, WeightKind
from seq2seq.files import atomic_file
from seq2seq.report.labels import readable
from seq2seq.report.page import Page, SentenceWeights

HERE = Path(__file__).parent
PARTS = ("list", "links", "weights", "matrix", "attention")  # viewer_<name>.js, before viewer.js
LEVELS, NOT_FINITE = 254, 255  # a byte b is the weight (b / LEVELS) ** 2


def write_report(path: Path, page: Page, weights: Iterable[tuple[int, SentenceWeights]]) -> None:
    """Write the page; one at this path is replaced once the new one is complete.

    Args:
        weights: the number of a sentence and its weights; read and written one by one.
    """
    head, foot = shell(page)
    with atomic_file(path) as file:
        file.write(head.encode("utf-8", "replace"))
        for number, sentence in weights:
            assert number < page.with_attention, (
                f"weights of sentence {number}, of {page.with_attention}"
            )
            block = json_block(f"attention-{number}", packed(page, sentence))
            file.write(block.encode("utf-8", "replace"))
        file.write(foot.encode())


def shell(page: Page) -> tuple[str, str]:
    """The page before and after its blocks of weights."""
    style = (HERE / "viewer.css").read_text(encoding="utf-8")
    files = [*(f"viewer_{name}.js" for name in PARTS), "viewer.js"]
    parts = (HERE / "viewer.html").read_text(encoding="utf-8").split("$attention")
    scripts = [HERE / file for file in files]
    values = shell_values(page.title, content(page), style=style, scripts=scripts)
    head, foot = (Template(part).substitute(values) for part in parts)
    return head, foot


def shell_values(
    title: str, data: object, *, style: str, scripts: Sequence[Path], images: str = ""
) -> dict[str, str]:
    """What the template of a page is filled with.

    Args:
        data: of the page, as JSON holds it.
        scripts: files that follow those which every page has.
        images: sources of images that the content security policy allows.
    """
    files = (HERE / "elements.js", *scripts)
    script = "\n".join(file.read_text(encoding="utf-8") for file in files)
    image_rule = f"img-src {images}; " if images else ""
    policy = (
        f"default-src 'none'; script-src '{csp_hash(script)}'; style-src '{csp_hash(style)}'; "
        f"{image_rule}base-uri 'none'; form-action 'none'"
    )
    return {
        "title": html.escape(title),
        "policy": policy,
        "style": style,
        "script": script,
        "data": to_json(data),
    }


def csp_hash(text: str) -> str:
    """The hash of a script or style in a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def json_block(name: str, value: object) -> str:
    return f'<script type="application/json" id="{name}">{to_json(value)}</script>\n'


def content(page: Page) -> dict[str, Any]:
    """The page as the viewer reads it: lists and dictionaries."""
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
        "roles": [role_content(page, role) for role in Role],
        "heads": page.num_heads,
        "with_attention": page.with_attention,
        "no_links": page.no_links,
        "word": page.word,
        "sentences": [
            {
                "source": list(sentence.source),
                "caption": sentence.caption,
                "hypothesis": sentence.hypothesis.split(),
                "reference": sentence.reference.split(),
                "links": sorted(sentence.links),
                "scores": {name: round(value, 2) for name, value in sentence.scores.items()},
            }
            for sentence in page.sentences
        ],
    }


def role_content(page: Page, role: Role) -> dict[str, Any]:
    layers = [
        {
            "mechanism": layer.mechanism,
            "weights": layer.weights.name,
            "description": layer.weights.value,
        }
        for layer in page.roles[role]
    ]
    return {"role": role.name, "name": role.value, "layers": layers}


def packed(page: Page, sentence: SentenceWeights) -> dict[str, Any]:
    """Labels and weights of a sentence in the layout that viewer_weights.js describes."""
    source, target = len(sentence.source_labels), len(sentence.target_subwords) + 1
    sizes = {
        Role.ENCODER: (source, source),
        Role.CAUSAL: (target, target),
        Role.CROSS: (target, source),
    }
    content = b""
    for role in Role:
        num_layers = sum(layer.weights is not WeightKind.none for layer in page.roles[role])
        if not num_layers:
            continue
        weights, expected = sentence.weights[role], (num_layers, page.num_heads, *sizes[role])
        assert weights.shape == expected, (
            f"{role.value}: weights {tuple(weights.shape)} where {expected} is expected"
        )
        content += quantised(weights.detach().cpu().float().numpy()).tobytes()
    return {
        "source": [readable(text) for text in sentence.source_labels],
        "target": [readable(text) for text in sentence.target_subwords],
        "weights": base64.b64encode(zlib.compress(content)).decode(),
    }


def quantised(weights: np.ndarray) -> np.ndarray:
    """Weights as bytes, with finer steps near 0, where most weights of a long sentence are."""
    levels = np.rint(LEVELS * np.sqrt(np.clip(weights, 0, 1)))
    return np.where(np.isfinite(weights), levels, NOT_FINITE).astype(np.uint8)


def to_json(value: object) -> str:
    """JSON that can neither end the script element around it nor begin another or a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
