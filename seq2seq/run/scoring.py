"""How an evaluation scores its translations, and the file that says so."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sacrebleu
import torch
from omegaconf import OmegaConf

from seq2seq.bundle.files import Bundle
from seq2seq.decoding.config import DecodingConfig
from seq2seq.files import atomic_write, write_lines
from seq2seq.metrics.protocol import ScoringProtocol, prepare, sacrebleu_command
from seq2seq.metrics.score import DEFAULT_BOOTSTRAP, DEFAULT_SEED, Score, corpus_scores


@dataclass(frozen=True)
class Scoring:
    """How translations into a language are scored: by all metrics, with intervals from bootstrap resampling."""

    target_language: str
    protocol: ScoringProtocol

    def check(self) -> None:
        """Refuse a language that cannot be scored, before there is anything to score.

        Raises:
            ConfigError: the protocol has no rules for it.
            MissingDependencyError: its tokenizer is not installed.
        """
        corpus_scores(["a"], ["a"], target_language=self.target_language, protocol=self.protocol)

    def score(self, hypotheses: list[str], references: list[str]) -> dict[str, Score]:
        """See corpus_scores."""
        return corpus_scores(
            hypotheses,
            references,
            target_language=self.target_language,
            protocol=self.protocol,
            n_bootstrap=DEFAULT_BOOTSTRAP,
        )

    def facts(self, folder: Path, hypotheses: list[str], references: list[str]) -> dict[str, Any]:
        """What scores.json says of it. Where text was changed before it was scored, what came of it is written."""
        ending = "txt"
        if self.protocol is not ScoringProtocol.cased_13a:
            ending = "tok"
            for name, lines in (("references", references), ("hypotheses", hypotheses)):
                write_lines(
                    folder / f"{name}.{ending}", prepare(lines, self.protocol, self.target_language)
                )

        def command(n_bootstrap: int) -> str:
            return sacrebleu_command(
                target_language=self.target_language,
                protocol=self.protocol,
                n_bootstrap=n_bootstrap,
                references=f"references.{ending}",
                hypotheses=f"hypotheses.{ending}",
            )

        return {
            "protocol": self.protocol.value,
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
    decoding: DecodingConfig,
    facts: dict[str, Any],
) -> None:
    """`scores.json`: scores with signatures, how they came about, and the command that gives them from the files."""
    content = {
        **{name: asdict(score) for name, score in scores.items()},
        **facts,
        "decoding": OmegaConf.to_container(OmegaConf.structured(decoding), enum_to_str=True),
        "seed": bundle.config.seed,
        "checkpoints": bundle.facts.get("checkpoints"),
        "versions": {"sacrebleu": sacrebleu.__version__, "torch": torch.__version__},
    }
    atomic_write(folder / "scores.json", json.dumps(content, indent=2, ensure_ascii=False).encode())
