"""An evaluation decodes and aligns as its run was configured, unless options are set."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.bundle.locate import saved_config
from seq2seq.config.schema import EvaluateConfig, RunConfig
from seq2seq.decoding.config import DecodingConfig, DecodingMethod, LengthPenalty
from seq2seq.errors import ConfigError
from seq2seq.results.as_configured import as_configured
from seq2seq.results.evaluate import evaluate_bundle
from seq2seq.results.start_evaluate import start_evaluation
from tests.config.composing import composed_config
from tests.results.bundles import make_run, train_tokenizers

DECODING = DecodingConfig(
    beam_size=3, length_penalty=LengthPenalty.gnmt, alpha=0.6, max_length_offset=2, batch_size=5
)
ALIGNMENT = AlignmentConfig(layer=0, heads=[1], method=LinkMethod.mutual, heatmaps=1)
RUN = RunConfig(decoding=DECODING, alignment=ALIGNMENT)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("method", DecodingMethod)
def test_an_evaluation_repeats_that_of_training(tmp_path: Path, method: DecodingMethod) -> None:
    decoding, alignment = DECODING, ALIGNMENT
    if method is DecodingMethod.sampling:
        decoding = DecodingConfig(method=method, top_k=7, seed=3, temperature=0.7)
        alignment = replace(ALIGNMENT, heatmaps=0)  # which are slow to draw
    run = make_run(
        tmp_path / "run", train_tokenizers(tmp_path), decoding=decoding, alignment=alignment
    )
    evaluate_bundle(run, as_configured(EvaluateConfig(), saved_config(run)))
    written = tree(run / "evaluation")
    assert ("test/heatmaps/sentence-00000.png" in written) is (alignment.heatmaps > 0)
    start_evaluation(EvaluateConfig(run=str(run)))
    assert tree(run / "evaluation") == written
    start_evaluation(
        EvaluateConfig(run=str(run), decoding=DecodingConfig(max_length_offset=0)),
        ["decoding.max_length_offset=0"],
    )
    assert tree(run / "evaluation")["test/scores.json"] != written["test/scores.json"]


@pytest.mark.parametrize(
    ("overrides", "changes"),
    [
        ([], {}),
        (["decoding.beam_size=7"], {"beam_size": 7}),
        (["decoding.alpha=1.0"], {"alpha": 1.0}),
        (["decoding.top_k=null", "split=test"], {}),
        (["alignment.heads=[0,1]"], {"heads": [0, 1]}),
        (["decoding.length_penalty=none", "decoding.alpha=0.5"], None),
        (["decoding.length_penalty=none"], {"length_penalty": LengthPenalty.none}),
        (["decoding.temperature=0.5"], None),
        (["decoding.n_best=4"], None),
        (["decoding.n_best=4", "decoding.beam_size=4"], {"n_best": 4, "beam_size": 4}),
    ],
)
def test_an_override_sets_one_option(overrides: list[str], changes: dict[str, Any] | None) -> None:
    config = composed_config("evaluate", *overrides)
    if changes is None:
        with pytest.raises(ConfigError, match=r"^decoding\."):
            as_configured(config, RUN, overrides)
        return
    resolved = as_configured(config, RUN, overrides)
    for section in (resolved.decoding, resolved.alignment):
        configured = DECODING if isinstance(section, DecodingConfig) else ALIGNMENT
        for item in fields(section):
            expected = changes.get(item.name, getattr(configured, item.name))
            assert getattr(section, item.name) == expected, item.name


def test_a_group_sets_its_whole_section() -> None:
    config = composed_config("evaluate", "decoding=greedy")
    resolved = as_configured(config, RUN, ["decoding=greedy"])
    assert resolved.decoding == DecodingConfig(beam_size=1)
    assert resolved.alignment == ALIGNMENT
