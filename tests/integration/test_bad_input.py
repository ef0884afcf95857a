"""Mistakes of a user end with one message, a non-zero exit code and no traceback."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.commands import Run

CONFIGURATIONS = {
    "an unknown key": (["model.depth=3"], "Could not override 'model.depth'"),
    "a new key": (["+model.depth=3"], "options cannot be added or removed, only set"),
    "a wrong type": (
        ["model.d_model=wide"],
        "Value 'wide' of type 'str' could not be converted to Integer",
    ),
    "a wrong choice of value": (["model.norm=both"], "expected one of [pre, post]"),
    "an unknown option of a group": (
        ["encoder_attention=locl"],
        "Available options in 'encoder_attention'",
    ),
    "a mechanism that cannot serve": (
        ["decoder_attention=linformer"],
        "Available options in 'decoder_attention'",
    ),
    "a list where one mechanism belongs": (
        ["encoder_attention=[local,full]"],
        "takes one option, not a list",
    ),
    "a name where a mechanism's options belong": (
        ["model.encoder.self_attention=linear"],
        "str is not a subclass of AttentionConfig",
    ),
    "d_model not divisible by heads": (
        ["model.d_model=130"],
        "must divide model.d_model = 130, not 4",
    ),
    "num_heads not divisible by num_kv_heads": (
        ["model.encoder.self_attention.num_kv_heads=3"],
        "must divide model.num_heads = 4, not 3",
    ),
    "positions that a mechanism cannot carry": (
        ["encoder_attention=linear", "position=rope"],
        "rope rotates queries and keys, which loses its meaning in linear",
    ),
    "no root for a corpus that is not on the hub": (["data=multi30k_en_fr"], "data.root"),
    "a word instead of an override": (["fast"], "Error parsing override 'fast'"),
}


def assert_refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode != 0
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_configurations(run: Run, case: str, tmp_path: Path) -> None:
    overrides, message = CONFIGURATIONS[case]
    assert_refused(run("train.py", *overrides, f"hydra.run.dir={tmp_path / 'run'}"), message)
    assert not (tmp_path / "run").exists()


FILES = {
    "a missing file": (None, b"a\nb\n", "source: no such file"),
    "sides of different length": (b"a\nb\nc\n", b"a\nb\n", "3"),
    "an empty file": (b"", b"", "empty"),
    "a stray carriage return": (b"a\nb\rb\n", b"a\nb\n", "source:2"),
    "invalid UTF-8": (b"a\n\xff\xfe\n", b"a\nb\n", "source:2"),
    "a truncated gzip file": (gzip.compress(b"a\nb\n" * 1000)[:-9], b"a\n", "source"),
}


@pytest.mark.parametrize("case", FILES)
def test_files(run: Run, case: str, tmp_path: Path) -> None:
    source, target, message = FILES[case]
    ending = ".gz" if "gzip" in case else ""
    if source is not None:
        (tmp_path / f"source{ending}").write_bytes(source)
    (tmp_path / "target").write_bytes(target)
    done = run(
        "train.py",
        "data=files",
        f"data.train.source={tmp_path}/source{ending}",
        f"data.train.target={tmp_path}/target",
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    assert_refused(done, message)


def test_a_vocabulary_larger_than_the_data_allows(run: Run, tmp_path: Path) -> None:
    for side in ("source", "target"):
        (tmp_path / side).write_text("a b c\nb c d\n" * 50, encoding="utf-8")
    done = run(
        "train.py",
        "data=files",
        f"data.train.source={tmp_path}/source",
        f"data.train.target={tmp_path}/target",
        f"data.cache_dir={tmp_path}/cache",
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    assert done.returncode != 0
    assert (
        "data.tokenizer.vocab_size: 4,000 is more than this text allows; choose at most"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_no_network_for_the_hub(run: Run, tmp_path: Path) -> None:
    cache = f"data.cache_dir={tmp_path}/cache"
    done = run("train.py", "data=multi30k_en_de", cache, f"hydra.run.dir={tmp_path / 'run'}")
    assert done.returncode != 0
    assert "bentrevett/multi30k" in done.stderr
    assert "data.root" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("script", ["train.py", "evaluate.py"])
def test_a_run_folder_that_does_not_exist(run: Run, script: str, tmp_path: Path) -> None:
    key = "resume" if script == "train.py" else "run"
    assert_refused(run(script, f"{key}={tmp_path / 'nowhere'}"), "there is no")


def test_no_finished_run(run: Run, tmp_path: Path) -> None:
    assert_refused(run("evaluate.py", f"outputs={tmp_path}"), "no finished run is in")


def test_a_folder_that_is_no_run(run: Run, tmp_path: Path) -> None:
    assert_refused(run("train.py", f"resume={tmp_path}"), "has no config.yaml")
    assert_refused(run("evaluate.py", f"run={tmp_path}"), "neither a run's folder nor a bundle")


def test_a_truncated_bundle(run: Run, finished_run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(finished_run / "model", broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert_refused(run("evaluate.py", f"run={broken}"), "model.safetensors is missing or damaged")


def test_truncated_checkpoints(run: Run, finished_run: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(finished_run, broken)
    for path in (broken / "checkpoints").glob("*.ckpt"):
        path.write_bytes(path.read_bytes()[:1000])
    (broken / "status.json").unlink()
    assert_refused(run("train.py", f"resume={broken}"), "no checkpoint of this run can be read")


def test_a_folder_that_holds_a_run_is_not_overwritten(run: Run, finished_run: Path) -> None:
    assert_refused(run("train.py", f"hydra.run.dir={finished_run}"), "already holds a run")


def test_an_override_that_would_change_a_resumed_run(run: Run, finished_run: Path) -> None:
    assert_refused(
        run("train.py", f"resume={finished_run}", "model.d_model=64"),
        "a resumed run keeps its configuration",
    )
