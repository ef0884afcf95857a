"""Options are obeyed: a value of each changes what a run writes, and pairs of choices run."""

import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seq2seq.config.groups import group_options, groups_of
from seq2seq.config.validate import run_problems
from seq2seq.run.start import start_run
from tests.config.composing import composed_run
from tests.effects import EFFECTS, RUN_WITH
from tests.options import Option, every_option, numbers
from tests.results.bundles import sentences

SMALL = (
    *("model.d_model=16", "model.d_ff=16", "model.num_heads=4", "model.max_source_length=32"),
    *("model.max_target_length=32", "model.encoder.num_layers=1", "model.decoder.num_layers=1"),
    *("data=copy", "data.batch.max_tokens=64", "optimizer.learning_rate=0.01"),
    *("schedule.warmup_steps=2", "trainer.accelerator=cpu", "trainer.precision=32-true"),
    *("trainer.max_steps=4", "trainer.validate_every=2", "trainer.checkpoint_every=1"),
    *("trainer.report_every=1", "trainer.bleu_lines=3"),
    *("decoding.beam_size=2", "decoding.max_length_ratio=1", "decoding.max_length_offset=2"),
    "alignment.heatmaps=1",
)
SIZES = ("data.num_train=60", "data.num_validation=5", "data.num_test=5")
OPTIONS = {option.key: option for option in every_option()}
Train = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small parallel text."""
    folder = tmp_path_factory.mktemp("text")
    rare = ["é ü", "日 本"]
    for split, count in (("train", 80), ("test", 5)):
        for side, seed in (("source", 1), ("target", 2)):
            lines = [*sentences(count, seed=seed), *rare, *rare]
            (folder / f"{split}.{side}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def train(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """train("seed=2", ...): what the run of a command line wrote."""
    caches = str(tmp_path_factory.mktemp("caches"))

    @cache
    def outcome_of(*overrides: str) -> dict[str, Any]:
        chosen = [item.format(folder=folder) for item in overrides if "{name:" not in item]
        literal = [item for item in overrides if "{name:" in item]
        config = composed_run(*chosen, *literal)
        config = replace(config, data=replace(config.data, cache_dir=caches))
        run = tmp_path_factory.mktemp("runs") / "run"
        start_run(config, run, [])
        return outcome(run)

    return outcome_of


def outcome(run: Path) -> dict[str, Any]:
    """What a run wrote, without times, paths and the configuration itself."""
    model = json.loads((run / "model" / "manifest.json").read_text())
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    written: dict[str, Any] = {
        "weights": model["sha256"]["model.safetensors"],
        "languages": model["languages"],
        "checkpoints": sorted(path.name for path in (run / "checkpoints").glob("*.ckpt")),
        "metrics": [{k: v for k, v in row.items() if not k.endswith("second")} for row in metrics],
    }
    evaluation = run / "evaluation" / "test"
    if evaluation.exists():
        scores = json.loads((evaluation / "scores.json").read_text())
        written["scores"] = {k: v for k, v in scores.items() if "signature" in str(v)}
        written["files"] = sorted(str(p.relative_to(evaluation)) for p in evaluation.rglob("*"))
        for name in ("hypotheses.txt", "alignments.pharaoh"):
            if (evaluation / name).exists():
                written[name] = (evaluation / name).read_text()
        if (evaluation / "attention.npz").exists():
            written["attention"] = digest(evaluation / "attention.npz")
    return written


def digest(path: Path) -> str:
    with np.load(path) as arrays:
        parts = [arrays[name].tobytes() for name in sorted(arrays.files)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def overrides_of(option: Option, value: str | None, context: tuple[str, ...]) -> tuple[str, ...]:
    """A command line with an option at a value, or at its default."""
    sizes = () if any(item.startswith("data=files") for item in context) else SIZES
    base = (*SMALL, *sizes, *option.context, *context)
    if "[0]" in option.path:
        entries, _, name = option.path.partition("[0].")
        further = "" if value is None else f", {name}: {value}"
        return (*base, f"{entries}=[{{name: {option.key.split('.')[0]}{further}}}]")
    return base if value is None else (*base, f"{option.path}={value}")


@pytest.mark.slow
@pytest.mark.parametrize("key", EFFECTS)
def test_an_option_changes_what_a_run_writes(train: Train, key: str) -> None:
    option, effect = OPTIONS[key], EFFECTS[key]
    assert option.range is None or not option.is_number or float(effect.value) in option.range
    before = train(*overrides_of(option, None, effect.context))
    assert train(*overrides_of(option, effect.value, effect.context)) != before


@pytest.mark.slow
@pytest.mark.parametrize("key", RUN_WITH)
def test_a_run_with_a_number_within_its_range(train: Train, key: str) -> None:
    option, value = OPTIONS[key], RUN_WITH[key]
    assert option.range is not None and float(value) in option.range
    context = ("decoding.beam_size=5",) if "method=sampling" in "".join(option.context) else ()
    assert train(*overrides_of(option, value, context))["weights"]


def test_every_number_is_run_with() -> None:
    assert {option.key for option in numbers()} <= {*EFFECTS, *RUN_WITH}


RUNNABLE = {
    group: [name for name in group_options(group) if name not in unable]
    for group, unable in {
        **dict.fromkeys(groups_of("train"), ()),
        "data": ("files", "hub", "multi30k_en_de", "multi30k_en_fr", "tatoeba_en_es", "tones"),
        "trainer": ("ddp", "ddp_cpu", "gpu"),
        "logger": ("wandb", "mlflow"),
        "alignment_supervision": ("runs",),
        "experiment": ("align_further", "multi30k_tiny"),
    }.items()
}  # without other corpora, hardware, packages and runs
PAIRS = [
    (f"{first}={choice}", f"{second}={second_choice}")
    for first, second in itertools.combinations(RUNNABLE, 2)
    for choice in RUNNABLE[first]
    for second_choice in RUNNABLE[second]
]
RUNS, PARTS = 8, 2


def legal_pairs() -> Iterator[tuple[str, str]]:
    """Pairs of choices, in a fixed random order, without those that validation refuses."""
    for pair in random.Random(1).sample(PAIRS, len(PAIRS)):
        if not list(run_problems(composed_run(*pair_overrides(pair)))):
            yield pair


def pair_overrides(pair: tuple[str, str]) -> tuple[str, ...]:
    """The pair in a small run; what it chooses stays, except for sizes."""
    small = [item for item in SMALL if item.partition("=")[0] not in {"data", "trainer"}]
    data = [] if any(choice.startswith("data=") for choice in pair) else ["data=copy"]
    accelerator = "trainer.accelerator=cpu"
    return (*data, *pair, *small, *SIZES, accelerator)


@pytest.mark.parametrize("part", range(PARTS))
def test_pairs_of_choices_run(train: Train, part: int) -> None:
    for pair in itertools.islice(legal_pairs(), part, RUNS, PARTS):
        assert train(*pair_overrides(pair))["weights"], pair
