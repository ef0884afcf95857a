"""Every combination of mechanisms and position scheme runs or is refused in one message.

A run trains, evaluates and exports alignments. Two runs are separate processes; all others call
the function that the command calls, in this process.
"""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException

from seq2seq.alignment.export import AttentionFile
from seq2seq.alignment.links import read_pharaoh
from seq2seq.attention.config import MECHANISMS, Role, WeightKind
from seq2seq.config.composed import to_dataclass
from seq2seq.config.groups import CONF
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import explain, register_schemas
from seq2seq.errors import ConfigError
from seq2seq.run.start import start_run
from tests.combinations import Combination, every_combination, legal_combinations, sample
from tests.integration.commands import TINY, Run

LINES = 6
SMALLEST = [
    *("model.d_model=16", "model.d_ff=16", "model.num_heads=4", "model.max_source_length=32"),
    *("model.max_target_length=32", "model.encoder.num_layers=1", "model.decoder.num_layers=1"),
    *(
        "data=copy",
        "data.num_train=40",
        "data.num_validation=4",
        f"data.num_test={LINES}",
        "data.batch.max_tokens=64",
    ),
    *(
        "trainer.accelerator=cpu",
        "trainer.precision=32",
        "trainer.max_steps=2",
        "trainer.validate_every=2",
    ),
    *(
        "trainer.checkpoint_every=2",
        "trainer.report_every=2",
        "trainer.bleu_lines=0",
        "trainer.metric=loss",
    ),
    *(
        "trainer.export=last",
        "decoding=greedy",
        "decoding.max_length_ratio=1",
        "decoding.max_length_offset=2",
    ),
    "alignment.heatmaps=0",
]
GROUPS = {
    "encoder_attention": Role.ENCODER,
    "decoder_attention": Role.CAUSAL,
    "cross_attention": Role.CROSS,
}
MISPLACED = [
    (group, name)
    for group, role in GROUPS.items()
    for name, mechanism in MECHANISMS.items()
    if role not in mechanism.roles
]
WITHOUT_WEIGHTS = [
    name
    for name, kind in MECHANISMS.items()
    if kind.weights is WeightKind.none and Role.CROSS in kind.roles
]
REFUSED = [
    combination
    for combination in every_combination()
    if combination.offered and not combination.legal
]


@cache
def composed(*overrides: str) -> RunConfig:
    """The configuration that `train.py` composes."""
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return cast(
            RunConfig, to_dataclass(compose(config_name="train", overrides=[*SMALLEST, *overrides]))
        )


def assembled(combination: Combination) -> RunConfig:
    """The composed combination, from parts composed once: composing takes as long as the run."""
    encoder, decoder, cross, position = (
        composed(override).model for override in combination.overrides()
    )
    model = replace(
        encoder,
        position=position.position,
        decoder=replace(
            decoder.decoder,
            self_attention=decoder.decoder.self_attention,
            cross_attention=cross.decoder.cross_attention,
        ),
    )
    return replace(composed(), model=model)


def check(combination: Combination, config: RunConfig, folder: Path, corpora: str) -> None:
    """Run a combination, check the files of its folder, and delete them."""
    config = replace(config, data=replace(config.data, cache_dir=corpora))
    if not combination.legal:
        with pytest.raises(ConfigError, match=f"model.position: {combination.position}") as caught:
            start_run(config, folder, combination.overrides())
        assert len(caught.value.problems) == len(combination.lost_positions())
        assert not folder.exists()
        return
    start_run(config, folder, combination.overrides())
    assert json.loads((folder / "status.json").read_text())["state"] == "finished"
    evaluation = folder / "evaluation" / "test"
    scores = json.loads((evaluation / "scores.json").read_text())
    assert all(scores[metric]["signature"] for metric in ("bleu", "chrf", "ter"))
    assert len((evaluation / "hypotheses.txt").read_text().splitlines()) == LINES
    cross = MECHANISMS[combination.cross]
    if cross.weights is WeightKind.none:
        reason = f"{combination.cross} in cross-attention has {cross.weights.value}"
        assert f"no alignments are written: {reason}" in (folder / "train.log").read_text()
        assert not list(evaluation.glob("a*"))
    else:
        assert len(read_pharaoh(evaluation / "alignments.pharaoh")) == LINES
        with AttentionFile(evaluation / "attention.npz") as attention:
            assert len(attention) == LINES
    shutil.rmtree(folder)


@pytest.mark.parametrize("combination", sample(legal_combinations(), 4), ids=str)
def test_a_combination_trains_evaluates_and_exports(
    combination: Combination, tmp_path: Path, corpora: str
) -> None:
    config = composed(*combination.overrides())
    assert config == assembled(combination)
    check(combination, config, tmp_path / "run", corpora)


@pytest.mark.parametrize("combination", sample(REFUSED, 2), ids=str)
def test_a_combination_is_refused_and_leaves_nothing(
    combination: Combination, tmp_path: Path, corpora: str
) -> None:
    check(combination, composed(*combination.overrides()), tmp_path / "run", corpora)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "decoder"),
    sorted({(c.encoder, c.decoder) for c in every_combination() if c.offered}),
)
def test_every_combination_runs_or_is_refused(
    encoder: str, decoder: str, tmp_path: Path, corpora: str
) -> None:
    for combination in every_combination():
        if combination.offered and (combination.encoder, combination.decoder) == (encoder, decoder):
            check(combination, assembled(combination), tmp_path / str(combination), corpora)


@pytest.mark.parametrize(("group", "name"), MISPLACED)
def test_a_mechanism_that_cannot_serve_is_refused_with_the_choices(group: str, name: str) -> None:
    with pytest.raises(HydraException) as caught:
        composed(f"{group}={name}")
    problem, _, offered = explain(caught.value).partition("; choose from ")
    assert problem == f"{group}={name}: {name} cannot serve as {GROUPS[group].value}"
    able = [choice for choice, kind in MECHANISMS.items() if GROUPS[group] in kind.roles]
    assert offered.split(", ") == sorted(able)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_enabled_alignments_are_refused_without_weights(name: str, tmp_path: Path) -> None:
    config = composed(f"cross_attention={name}", "alignment.enabled=true")
    with pytest.raises(
        ConfigError,
        match=f"alignment.enabled: {name} has no weight per key position; choose another",
    ):
        start_run(config, tmp_path / "run", [])
    assert not (tmp_path / "run").exists()


def test_the_command_runs_a_combination(run: Run, tmp_path: Path, corpora: str) -> None:
    combination = Combination("local", "performer", "gqa", "learned")
    arguments = [*TINY, *SMALLEST, *combination.overrides(), "trainer.evaluate=true"]
    done = run(
        "train.py", *arguments, f"data.cache_dir={corpora}", f"hydra.run.dir={tmp_path / 'run'}"
    )
    assert done.returncode == 0, done.stderr
    evaluation = tmp_path / "run" / "evaluation" / "test"
    assert (evaluation / "scores.json").is_file()
    assert len(read_pharaoh(evaluation / "alignments.pharaoh")) == LINES


def test_the_command_refuses_a_combination_in_one_message(run: Run, tmp_path: Path) -> None:
    combination = Combination("full", "performer", "gqa", "alibi")
    done = run("train.py", *SMALLEST, *combination.overrides(), f"hydra.run.dir={tmp_path / 'run'}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: model.position: alibi adds to query-key logits")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
