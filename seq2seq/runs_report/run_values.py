"""What the folder of a run tells: scores, loss, speed, curves, and where they come from."""

import hashlib
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.bench_runs.run_results import training_facts
from seq2seq.bounded import read_json
from seq2seq.bundle.files import Bundle, weights_hash
from seq2seq.data.sources.base import Pairs
from seq2seq.errors import DataError
from seq2seq.folder.record import read_record
from seq2seq.folder.reports import reports_of
from seq2seq.metrics.base import Metric, summed
from seq2seq.metrics.score import Scorer
from seq2seq.results.evaluation_files import EvaluationFiles, read_evaluation
from seq2seq.results.evaluation_folder import SCORES
from seq2seq.runs_report.run_result import Basis, RunValue, scored_value

CURVES = {
    "validation loss": "val/loss",
    "validation BLEU": "val/bleu",
    "training loss": "train/loss",
}  # names in metrics.jsonl
PLACE_OPTIONS = ("data.cache_dir", "hydra.run.dir")  # options that say where something lies
TOLERANCE = 0.005  # of a score that is computed again


def overrides_of_run(run: Path) -> list[str]:
    """The arguments that a run was begun with, but for where something lies.

    That says nothing about the run, and may be private.
    """
    return [item for item in saved_overrides(run) if item.partition("=")[0] not in PLACE_OPTIONS]


def saved_overrides(run: Path) -> list[str]:
    """The arguments that a run was begun with; none where it does not tell."""
    path = run / "overrides.yaml"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line[2:])) for line in lines if line.startswith("- ")]


def origin_of(run: Path, bundle: Bundle) -> dict[str, str]:
    """Where the values of a run come from: hashes, command, versions and machine."""
    record, config = read_record(run), bundle.path / "config.yaml"
    data = (bundle.facts.get("data") or {}).get("sha256") or {}
    origin = {
        "command": shlex.join(["seq2seq", "train", *overrides_of_run(run)]),
        "configuration hash": hashlib.sha256(config.read_bytes()).hexdigest(),
        "training text": str(data.get("train", "unknown")),
        "validation text": text_hash(bundle.held_out.get("validation")),
        "test text": text_hash(bundle.held_out.get("test")),
        "weights": str(weights_hash(bundle.path)),
    }
    path = run / "environment.json"
    environment = read_json(path) if path.is_file() else {}
    if (git := environment.get("git")) and git.get("commit"):
        origin["commit"] = git["commit"] + ("+" if git.get("changed") else "")
    if record is not None:
        origin |= {"version": record.version, **record.environment}
        if record.hardware is not None:
            hardware = record.hardware
            origin |= {
                "device": hardware.device,
                "precision": hardware.precision,
                "processes": str(hardware.processes),
                "threads": str(hardware.threads),
            }
    return origin


def text_hash(pairs: Pairs | None) -> str:
    """A hash of both sides of a text, line by line."""
    if pairs is None or not len(pairs):
        return "none"
    return lines_hash(list(map(str, pairs.source)), pairs.target)


def lines_hash(sources: Sequence[str], targets: Sequence[str]) -> str:
    text = "".join(f"{line}\n" for side in (sources, targets) for line in side)
    return hashlib.sha256(text.encode()).hexdigest()


def data_basis(bundle: Bundle, origin: Basis) -> dict[str, str]:
    """What the values of runs must share to tell about models instead of data."""
    source, target = bundle.config.data.languages()
    return {"direction": f"{source}-{target}", "training text": origin["training text"]}


def training_values(run: Path, bundle: Bundle, origin: Basis) -> dict[str, RunValue]:
    """Validation loss and speed of training, as far as they were logged."""
    facts, values = training_facts(run), {}
    tokenizers = bundle.tokenizers
    if facts["last_loss"] is not None:
        hashes = f"{tokenizers.source.sha256} {tokenizers.target.sha256}"
        basis = {
            **data_basis(bundle, origin),
            "validation text": origin["validation text"],
            "tokenizer": hashlib.sha256(hashes.encode()).hexdigest(),
        }
        values["validation_loss"] = RunValue(facts["last_loss"], basis)
    if facts["target_tokens"] and facts["step_seconds"]:
        names = ("processor", "device", "precision", "processes", "threads")
        basis = {name: origin[name] for name in names if name in origin}
        values["training_speed"] = RunValue(facts["target_tokens"] / facts["step_seconds"], basis)
    return values


def ensure_of_model(folder: Path, scores: Any, bundle: Bundle) -> None:
    """Refuse an evaluation of other parameters than those of the run. Raises DataError."""
    digest = weights_hash(bundle.path)
    if scores.get("weights", digest) != digest:
        raise DataError(
            f"{folder} is the evaluation of another model than the run has now; evaluate again"
        )


def translation_values(
    bundle: Bundle, folder: Path, metrics: Sequence[str], origin: Basis
) -> dict[str, RunValue]:
    """Scores of the translations of a split, with the statistics of each sentence."""
    evaluation = read_evaluation(bundle, folder)
    scoring = evaluation.scoring
    language = scoring.target_language or bundle.config.data.languages()[1]
    tokenizer = scoring.bleu_tokenizer if "bleu" in metrics else None
    scorer = Scorer(language, metrics, scoring.protocol, bleu_tokenizer=tokenizer)
    references = scorer.prepare(evaluation.references)
    hypotheses = scorer.prepare(evaluation.hypotheses)
    shared = {
        **data_basis(bundle, origin),
        "split": folder.name,
        "text": lines_hash(list(map(str, evaluation.sources)), evaluation.references),
        "protocol": scoring.protocol.value,
        "target language": language,
    }
    values = {}
    for metric in scorer.metrics:
        statistics = metric.statistics(hypotheses, references)
        score = metric.from_statistics(summed(statistics))
        ensure_as_stored(evaluation, metric, score)
        basis = {**shared, "signature": metric.signature}
        values[metric.name] = scored_value(score, basis, np.array(statistics, dtype=np.float64))
    return values


def ensure_as_stored(evaluation: EvaluationFiles, metric: Metric, score: float) -> None:
    """Refuse translations whose score is not that of scores.json. Raises DataError."""
    stored = evaluation.scores.get(metric.name)
    if stored is None or stored.signature != metric.signature:
        return
    if abs(stored.score - score) > TOLERANCE:
        raise DataError(
            f"{evaluation.folder}: {metric.label} of hypotheses.txt is {score:.2f}, but "
            f"{SCORES} says {stored.score:.2f}; evaluate again"
        )


def curves_of(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What metrics.jsonl tells about the steps of a run, by the names of CURVES."""
    reports, curves = reports_of(run), {}
    for title, name in CURVES.items():
        points = [(int(report["step"]), report.get(name)) for report in reports]
        if curve := [(step, round(float(value), 5)) for step, value in points if value is not None]:
            curves[title] = curve
    return curves
