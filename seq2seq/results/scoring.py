"""scores.json: the scores of an evaluation and what is needed to compute them again."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sacrebleu
import torch

from seq2seq.bundle.files import Bundle, weights_hash
from seq2seq.config.plain import as_plain
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.errors import ConfigError
from seq2seq.files import atomic_write, write_lines
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.resampling import DEFAULT_SEED
from seq2seq.metrics.score import DEFAULT_BOOTSTRAP, Score, Scorer
from seq2seq.results.as_configured import SECTIONS

KEYS = frozenset(
    {
        "lines",
        "lines_cut",
        "translation_seconds",
        "protocol",
        "target_language",
        "bleu_tokenizer",
        "reproduce",
        "confidence",
        "decoding",
        "alignment",
        "seed",
        "checkpoints",
        "weights",
        "versions",
    }
)  # of scores.json beside the metrics, in this version or an earlier one


def build_scorer(
    target_language: str,
    metrics: Sequence[str],
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    *,
    bleu_tokenizer: str | None = None,
) -> Scorer:
    """A scorer whose metrics have names that scores.json can hold.

    Raises:
        ConfigError: as `Scorer`, or a metric has the name of another key of scores.json.
        MissingDependencyError: as `Scorer`.
    """
    if taken := sorted(KEYS.intersection(metrics)):
        raise ConfigError(
            f"metrics: {', '.join(taken)} is another key of scores.json; rename the metric"
        )
    return Scorer(target_language, metrics, protocol, bleu_tokenizer=bleu_tokenizer)


def scorer_of(config: EvaluateConfig, run: RunConfig) -> Scorer:
    """The scorer of an evaluation; metrics and language are those of the run unless chosen.

    Raises:
        ConfigError, MissingDependencyError: as `build_scorer`.
    """
    return build_scorer(
        config.target_language or run.data.languages()[1],
        run.metrics if config.metrics is None else config.metrics,
        config.protocol,
        bleu_tokenizer=config.bleu_tokenizer,
    )


def scoring_facts(
    folder: Path, scorer: Scorer, hypotheses: list[str], references: list[str]
) -> dict[str, Any]:
    """What scores.json says about the scoring; writes the prepared text where it differs."""
    suffix = "txt"
    if scorer.scoring.protocol is not ScoringProtocol.cased_13a:
        suffix = "tok"
        for name, lines in (("references", references), ("hypotheses", hypotheses)):
            write_lines(folder / f"{name}.{suffix}", scorer.prepare(lines))

    def command(n_bootstrap: int) -> str | None:
        return scorer.sacrebleu_command(
            n_bootstrap=n_bootstrap,
            references=f"references.{suffix}",
            hypotheses=f"hypotheses.{suffix}",
        )

    return {
        "protocol": scorer.scoring.protocol.value,
        "target_language": scorer.scoring.target_language,
        "bleu_tokenizer": scorer.scoring.bleu_tokenizer,
        "reproduce": command(0),
        "confidence": {
            "level": 0.95,
            "resamples": DEFAULT_BOOTSTRAP,
            "seed": DEFAULT_SEED,
            "reproduce": command(DEFAULT_BOOTSTRAP),
        },
    }


def write_scores(
    folder: Path,
    bundle: Bundle,
    scores: dict[str, Score],
    config: EvaluateConfig,
    facts: dict[str, Any],
) -> None:
    """Write `scores.json`: scores with signatures, facts, options and versions.

    It holds no time, so that the same evaluation writes the same bytes.
    """
    content = facts | {
        **{section: as_plain(getattr(config, section)) for section in SECTIONS},
        "seed": bundle.config.seed,
        "checkpoints": bundle.facts.get("checkpoints"),
        "weights": weights_hash(bundle.path),
        "versions": {"sacrebleu": sacrebleu.__version__, "torch": torch.__version__},
    }
    assert content.keys() <= KEYS, "every key is reserved"
    content = {name: asdict(score) for name, score in scores.items()} | content
    atomic_write(folder / "scores.json", json.dumps(content, indent=2, ensure_ascii=False).encode())
