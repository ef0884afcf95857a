"""A sweep: a baseline with three seeds, one clearly worse with three, one alike with one."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq.attention.catalogue import AdditiveConfig, LinearConfig
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.metrics import significance
from seq2seq.metrics.significance import SignificanceTest
from tests.results.bundles import train_tokenizers
from tests.runs_report.made_runs import evaluated_run

WORSE = "cross_attention=linear"
ALIKE = "cross_attention=additive"


@pytest.fixture(scope="module", autouse=True)
def few_trials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(significance, "SAMPLES", dict.fromkeys(SignificanceTest, 500))
        yield


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    yield
    package.handlers[:], package.level, package.propagate = before


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory, tokenizers: Tokenizers) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "sweep"
    for seed in (1, 2, 3):
        evaluated_run(folder / "base" / f"seed_{seed}", tokenizers, seed=seed, errors=0.20)
        evaluated_run(
            folder / "linear" / f"seed_{seed}",
            tokenizers,
            seed=seed,
            errors=0.6 + seed / 100,
            overrides=("model.d_model=16", WORSE),
            cross=LinearConfig(),
        )
    additive = AdditiveConfig()
    evaluated_run(
        folder / "additive" / "seed_2",
        tokenizers,
        seed=2,
        errors=0.21,
        overrides=(ALIKE,),
        cross=additive,
    )
    (folder / "begun").mkdir()
    (folder / "begun" / "config.yaml").write_text("name: train\n")
    return folder
