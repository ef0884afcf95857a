"""Runs, checkpoints and bundles that are damaged, foreign, or of another kind."""

import pickle
import shutil
from pathlib import Path

from tests.bad_inputs.case import Case, training
from tests.bad_inputs.damage import (
    Damage,
    cut_after,
    emptied,
    every,
    flipped,
    replaced,
    truncated,
    without,
    written,
)


def resumed(name: str, prepare: Damage, *says: str, overrides: str = "") -> Case:
    does = f"train resume=run trainer.max_steps=4 {overrides}"
    return Case(name, does, says, models=("run",), prepare=prepare)


def loaded(name: str, prepare: Damage, *says: str) -> Case:
    does = "translate --run one s"
    return Case(name, does, says, models=("one",), prepare=prepare)


def nothing(folder: Path) -> None:
    """The run as it was left."""


def checkpoints_gone(folder: Path) -> None:
    shutil.rmtree(folder / "one/model")


def no_folder(folder: Path) -> None:
    (folder / "one").rename(folder / "two")


CHECKPOINTS = "run/checkpoints/*.ckpt"
CONFIG = "run/config.yaml"
CASES = [
    resumed(
        "truncated checkpoints", truncated(CHECKPOINTS), "no checkpoint of this run can be read"
    ),
    resumed("empty checkpoints", emptied(CHECKPOINTS), "no checkpoint"),
    resumed("pickles as checkpoints", written(CHECKPOINTS, pickle.dumps(Path)), "no checkpoint"),
    resumed("flipped bits of checkpoints", flipped(CHECKPOINTS), "no checkpoint"),
    resumed("no configuration", without(CONFIG), "config.yaml"),
    resumed("an empty configuration", emptied(CONFIG), "config.yaml"),
    resumed("half a configuration", cut_after(CONFIG, b"\noptimizer:\n"), "configuration"),
    resumed(
        "a configuration cut in a name",
        cut_after(CONFIG, b"\n  validate_ev"),
        "line",
        "config.yaml",
    ),
    resumed("a configuration cut in a list", cut_after(CONFIG, b"imports: ["), "config.yaml"),
    resumed("a configuration of bytes", written(CONFIG, b"\xff\xfe"), "config.yaml"),
    resumed("a configuration that is no YAML", written(CONFIG, b"a: ["), "config.yaml"),
    resumed("a list as a configuration", written(CONFIG, b"- a\n"), "config.yaml"),
    resumed(
        "a configuration with a tag",
        written(CONFIG, b"a: !!python/name:os.system\n"),
        "config.yaml",
    ),
    resumed(
        "another width",
        replaced(CONFIG, "d_model: 16", "d_model: 32"),
        "model.d_model: was 16",
    ),
    resumed(
        "a width that is a word", replaced(CONFIG, "d_model: 16", "d_model: wide"), "config.yaml"
    ),
    resumed(
        "another seed",
        replaced(CONFIG, "\nseed: 1", "\nseed: 2"),
        "seed: was 1",
    ),
    resumed("an option of the model", nothing, "model.d_model", overrides="model.d_model=32"),
    resumed(
        "a number that is a word", nothing, "trainer.max_steps", overrides="trainer.max_steps=all"
    ),
    resumed("an option that does not exist", nothing, "trainer.max", overrides="trainer.max=3"),
    Case("a folder that is no run", "train resume=.", ("has no config.yaml",)),
    Case(
        "a folder that holds a run",
        training("data=copy").replace("../out/run", "run"),
        ("already holds a run",),
        models=("run",),
    ),
    Case(
        "a file as a run's folder",
        training("data=copy").replace("../out/run", "s"),
        ("s",),
    ),
    Case(
        "weights of another vocabulary",
        training("data=copy init_from=other"),
        ("init_from",),
        models=("other",),
        writes=True,
    ),
    Case(
        "weights that are damaged",
        training("data=copy init_from=run"),
        ("run/model",),
        models=("run",),
        prepare=truncated("run/model/model.safetensors"),
        writes=True,
    ),
    loaded("no bundle", checkpoints_gone, "one"),
    loaded("no such folder", no_folder, "one"),
    loaded("truncated weights", truncated("one/model/model.safetensors"), "model.safetensors"),
    loaded("empty weights", emptied("one/model/model.safetensors"), "model.safetensors"),
    loaded("no weights", without("one/model/model.safetensors"), "model.safetensors"),
    loaded(
        "a flipped bit of the weights", flipped("one/model/model.safetensors"), "model.safetensors"
    ),
    loaded("no manifest", without("one/model/manifest.json"), "manifest.json"),
    loaded("half a manifest", truncated("one/model/manifest.json"), "manifest.json"),
    loaded("an empty manifest", emptied("one/model/manifest.json"), "manifest.json"),
    loaded("a manifest that is a list", written("one/model/manifest.json", b"[]"), "manifest.json"),
    loaded(
        "a manifest that names a file elsewhere",
        replaced("one/model/manifest.json", "model.safetensors", "../../s"),
        "manifest.json",
    ),
    loaded("a flipped bit of the tokenizers", flipped("one/model/tokenizer/*.model"), ".model"),
    loaded("a flipped bit of the configuration", flipped("one/model/config.yaml"), "config.yaml"),
    loaded("no configuration of the bundle", without("one/model/config.yaml"), "config.yaml"),
    loaded(
        "a configuration that is nested deeply",
        every("one/model/config.yaml", lambda _: b"a: " + b"[" * 5000),
        "config.yaml",
    ),
    Case("a file as a run", "translate --run s s", ("s",)),
]
