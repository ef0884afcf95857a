"""Tiny runs with evaluations as if their models had made so many errors."""

import json
import random
from pathlib import Path
from typing import Any

from seq2seq.attention.config import AttentionConfig
from seq2seq.bundle.files import weights_hash
from seq2seq.bundle.locate import saved_config
from seq2seq.config.plain import as_plain, to_yaml
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.metrics.score import Scorer
from tests.results.bundles import WORDS, make_run, sentences

TEXT = Pairs(sentences(60, seed=7), sentences(60, seed=8, longest=12))
VALIDATION = Pairs(sentences(12, seed=5), sentences(12, seed=6))


def evaluated_run(
    folder: Path,
    tokenizers: Tokenizers,
    *,
    seed: int,
    errors: float,
    overrides: tuple[str, ...] = (),
    cross: AttentionConfig | None = None,
    text: Pairs = TEXT,
    protocol: str = "cased_13a",
) -> Path:
    """A finished run with metrics, and an evaluation of the test split.

    Args:
        errors: share of the reference words that are exchanged in the translations.
    """
    held_out = {"validation": VALIDATION, "test": text}
    make_run(folder, tokenizers, seed=seed, cross=cross, held_out=held_out)
    config = saved_config(folder)
    (folder / "config.yaml").write_text(to_yaml(config))
    lines = [f"- {json.dumps(item)}\n" for item in (*overrides, f"seed={seed}")]
    (folder / "overrides.yaml").write_text("".join(lines))
    reports: list[dict[str, Any]] = [
        {"step": 10, "train/loss": 5.0, **speeds(2.0, 100.0)},
        {"step": 20, "train/loss": 4.0, **speeds(2.0, 300.0)},
        {"step": 20, "val/loss": 3.0 + errors, "val/bleu": 10.0 - errors},
    ]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in reports))
    put_evaluation(folder, text, seed=seed, errors=errors, protocol=protocol)
    return folder


def speeds(steps: float, tokens: float) -> dict[str, float]:
    return {"train/steps_per_second": steps, "train/target_tokens_per_second": tokens}


def put_evaluation(
    run: Path, text: Pairs, *, seed: int, errors: float, protocol: str = "cased_13a"
) -> None:
    draw = random.Random(f"{seed} {errors}")
    hypotheses = [
        " ".join(draw.choice(WORDS) if draw.random() < errors else word for word in line.split())
        for line in text.target
    ]
    folder = run / "evaluation" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    sides = (("sources", text.source), ("references", text.target), ("hypotheses", hypotheses))
    for name, lines in sides:
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    config = saved_config(run)
    scores = Scorer("en", ["bleu", "chrf"]).corpus(hypotheses, text.target)
    content = {
        "bleu": {"score": scores["bleu"].score, "signature": scores["bleu"].signature},
        "chrf": {"score": scores["chrf"].score, "signature": scores["chrf"].signature},
        "protocol": protocol,
        "target_language": "en",
        "decoding": as_plain(config.decoding),
        "alignment": as_plain(config.alignment),
        "weights": weights_hash(run / "model"),
    }
    (folder / "scores.json").write_text(json.dumps(content))
