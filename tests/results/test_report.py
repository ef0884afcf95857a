"""The page of a run: what it says is what the evaluation's files and the model say."""

import base64
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.export import AttentionFile
from seq2seq.alignment.extract import attention_weights
from seq2seq.attention.catalogue import LinearConfig, LinformerConfig
from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.bundle.files import load_bundle
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError
from seq2seq.metrics.score import Scorer
from seq2seq.padding import Tokens
from seq2seq.report.html import LEVELS
from seq2seq.results import report
from seq2seq.results.evaluate import evaluate_bundle
from seq2seq.results.report import report_run
from tests.results.bundles import make_run, sentences, train_tokenizers

TEXT = Pairs(
    ["the dog runs <b>", "", *sentences(8, seed=3)],
    ["a dog </script>", "nothing here", *sentences(8, seed=4)],
)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


def evaluation(**decoding: Any) -> EvaluateConfig:
    return EvaluateConfig(
        decoding=DecodingConfig(**decoding), alignment=AlignmentConfig(heatmaps=0)
    )


def evaluated(folder: Path, tokenizers: Tokenizers, cross: AttentionConfig | None = None) -> Path:
    run = make_run(folder, tokenizers, cross=cross, held_out=TEXT)
    evaluate_bundle(run, evaluation(beam_size=2))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tokenizers: Tokenizers) -> Path:
    return evaluated(tmp_path_factory.mktemp("runs") / "run", tokenizers)


def blocks(page: Path) -> dict[str, Any]:
    matches = re.findall(
        r'<script type="application/json" id="([^"]+)">(.*?)</script>',
        page.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    return {name: json.loads(text) for name, text in matches}


def unpacked(
    block: dict[str, Any], layers: dict[Role, int], heads: int = 2
) -> dict[Role, np.ndarray]:
    """(layers, heads, queries, keys) of each role."""
    stored = np.frombuffer(zlib.decompress(base64.b64decode(block["weights"])), np.uint8) / LEVELS
    source, target = len(block["source"]), len(block["target"]) + 1
    sizes = {
        Role.ENCODER: (source, source),
        Role.CAUSAL: (target, target),
        Role.CROSS: (target, source),
    }
    ends = np.cumsum([layers[role] * heads * sizes[role][0] * sizes[role][1] for role in Role])
    assert ends[-1] == len(stored)
    parts = np.split(stored**2, ends[:-1])
    return {
        role: part.reshape(layers[role], heads, *sizes[role])
        for role, part in zip(Role, parts, strict=True)
    }


def test_the_page_holds_the_files_of_the_evaluation(run: Path) -> None:
    data = blocks(report_run(run, "test"))["data"]
    folder = run / "evaluation" / "test"
    hypotheses = (folder / "hypotheses.txt").read_text(encoding="utf-8").split("\n")[:-1]
    links = (folder / "alignments.pharaoh").read_text(encoding="utf-8").split("\n")[:-1]
    scores = Scorer("yy").sentences(hypotheses, TEXT.target)
    assert len(data["sentences"]) == len(TEXT.source)
    for row, sentence in enumerate(data["sentences"]):
        assert sentence["source"] == TEXT.source[row].split()
        assert sentence["hypothesis"] == hypotheses[row].split()
        assert sentence["reference"] == TEXT.target[row].split()
        assert " ".join(f"{s}-{t}" for s, t in sentence["links"]) == links[row]
        assert sentence["scores"] == {name: round(score, 2) for name, score in scores[row].items()}
    stored = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert [metric["label"] for metric in data["metrics"]] == ["BLEU", "chrF", "TER"]
    for metric in data["metrics"]:
        entry = stored[metric["name"]]
        assert (metric["score"], metric["signature"]) == (entry["score"], entry["signature"])


@pytest.mark.parametrize("room", [1, report.BATCH_WEIGHTS])
def test_weights_are_those_of_each_sentence_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(report, "BATCH_WEIGHTS", room)
    page_blocks, bundle = blocks(report_run(run, "test")), load_bundle(run)
    assert set(page_blocks) == {"data"} | {
        f"attention-{row}" for row, text in enumerate(TEXT.source) if text
    }
    ids = {
        piece: index for index, piece in enumerate(bundle.tokenizers.target.subwords(range(120)))
    }
    with AttentionFile(run / "evaluation" / "test" / "attention.npz") as file:
        for row, text in enumerate(TEXT.source):
            if not text:
                continue
            block = page_blocks[f"attention-{row}"]
            assert (block["source"], block["target"]) == (
                file[row].source_subwords,
                file[row].target_subwords,
            )
            weights = unpacked(block, {Role.ENCODER: 1, Role.CAUSAL: 2, Role.CROSS: 2})
            source = Tokens.of([[ids[piece] for piece in block["source"]]])
            target = Tokens.target([[ids[piece] for piece in block["target"]]])
            for role, table in weights.items():
                keys = [(role, layer) for layer in range(table.shape[0])]
                with torch.inference_mode():
                    encoded = bundle.model.encode(source, weights_of=frozenset(keys))
                (alone,) = attention_weights(bundle.model, encoded, target, keys)
                torch.testing.assert_close(
                    torch.from_numpy(table).float(), alone[role], atol=0.005, rtol=0
                )
            exported = file[row].weights.astype(np.float64)
            np.testing.assert_allclose(weights[Role.CROSS][-1].mean(0)[:-1], exported, atol=0.005)


def test_a_mechanism_without_weights_is_named_and_the_other_roles_stay(
    tmp_path: Path, tokenizers: Tokenizers
) -> None:
    page_blocks = blocks(
        report_run(evaluated(tmp_path / "a", tokenizers, LinformerConfig()), "test", sentences=3)
    )
    assert set(page_blocks) == {"data", "attention-0", "attention-2"}
    unpacked(page_blocks["attention-0"], {Role.ENCODER: 1, Role.CAUSAL: 2, Role.CROSS: 0})
    cross = page_blocks["data"]["roles"][2]
    assert [layer["mechanism"] for layer in cross["layers"]] == ["linformer"] * 2
    assert {layer["weights"] for layer in cross["layers"]} == {"none"}
    assert page_blocks["data"]["no_links"]


def test_kernel_scores_are_marked(tmp_path: Path, tokenizers: Tokenizers) -> None:
    page_blocks = blocks(
        report_run(evaluated(tmp_path / "a", tokenizers, LinearConfig()), "test", sentences=1)
    )
    assert {layer["weights"] for layer in page_blocks["data"]["roles"][2]["layers"]} == {"kernel"}


def test_what_does_not_fit_is_refused(tmp_path: Path, tokenizers: Tokenizers) -> None:
    run = make_run(tmp_path / "a", tokenizers, held_out=TEXT)
    with pytest.raises(DataError, match="evaluate first: seq2seq evaluate run=.*a split=test"):
        report_run(run, "test")
    with pytest.raises(ConfigError, match="must not be negative"):
        report_run(run, "test", sentences=-1)
    evaluate_bundle(run, evaluation())
    report_run(run, "test", sentences=0)
    folder = run / "evaluation" / "test"
    written = (folder / "report.html").read_bytes()
    lines = (folder / "hypotheses.txt").read_text(encoding="utf-8").split("\n")
    for problem, content in [
        ("counts must be equal", lines[1:]),
        ("outside|not that of hypotheses", ["completely other words", *lines[1:]]),
    ]:
        (folder / "hypotheses.txt").write_text("\n".join(content), encoding="utf-8")
        with pytest.raises(DataError, match=problem):
            report_run(run, "test")
    (folder / "scores.json").write_text("{}", encoding="utf-8")
    (folder / "hypotheses.txt").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match="not the scores of an evaluation"):
        report_run(run, "test")
    assert (folder / "report.html").read_bytes() == written
