"""What every command says to runs that do not belong together, by the one table of the rules."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import seq2seq
from seq2seq.aligning.check import supervising_run_problems
from seq2seq.bundle.locate import saved_config
from seq2seq.bundle.together import RULES, Member, Together, problems_together
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.kinds.features import FeatureSource
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import UserError
from seq2seq.metrics import significance
from seq2seq.metrics.significance import SignificanceTest
from seq2seq.results.start_evaluate import start_evaluation
from seq2seq.training.supervision_config import AlignmentSupervisionConfig, SupervisionKind
from tests.cli.conftest import Command
from tests.results.bundles import make_run, sentences, train_tokenizers

COMMANDS = {
    "translate": Together.ensemble,
    "score": Together.ensemble,
    "align": Together.ensemble,
    "load": Together.ensemble,
    "align bidirectional": Together.opposite,
    "align choose": Together.opposite,
    "alignment_supervision": Together.opposite,
    "compare": Together.comparison,
}
PEER, REVERSE, OTHER = "peer", "reverse", "other language"
BOTH = "both directions"
OTHER_WORDS, OTHER_WORDS_BACK = "other vocabulary", "other vocabulary, reverse"
FEATURES, FEATURES_BACK = "features", "features, reverse"
MESSAGES = {
    (Together.ensemble, REVERSE): "translates xx to yy and .* translates yy to xx",
    (Together.ensemble, OTHER): "translates xx to yy and .* translates xx to zz",
    (Together.ensemble, OTHER_WORDS): "must have one vocabulary.*source and target side",
    (Together.ensemble, OTHER_WORDS_BACK): "one direction.*\n.*one vocabulary",
    (Together.ensemble, FEATURES): "sources of one kind, .* text and those of .* features",
    (Together.opposite, PEER): "must translate yy to xx, the other way than",
    (Together.opposite, OTHER): "must translate yy to xx, the other way than",
    (Together.opposite, OTHER_WORDS): "must translate yy to xx, the other way than",
    (Together.opposite, FEATURES_BACK): "needs text on both sides, but the sources of .* features",
    (Together.comparison, REVERSE): "translates xx to yy and .* translates yy to xx",
    (Together.comparison, OTHER): "translates xx to yy and .* translates xx to zz",
    (Together.comparison, OTHER_WORDS_BACK): "must have runs of one direction",
}
FITTING = {
    (Together.ensemble, PEER),
    (Together.ensemble, BOTH),
    (Together.opposite, REVERSE),
    (Together.opposite, BOTH),
    (Together.opposite, OTHER_WORDS_BACK),
    (Together.comparison, PEER),
    (Together.comparison, BOTH),
    (Together.comparison, OTHER_WORDS),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    words, others = (train_tokenizers(folder, seed=seed) for seed in (1, 2))
    frames = Tokenizers(FeatureSource(4), words.target)
    shapes = [np.ones((length, 4), np.float32) for length in (3, 5)]
    features = Pairs(FeatureSource.items(shapes), sentences(2, seed=8))
    text = Pairs(sentences(2, seed=7), sentences(2, seed=8))

    def made(
        name: str,
        tokenizers: Tokenizers,
        source: str,
        target: str,
        kind: str = "text",
        both: float = 0.0,
    ) -> Path:
        return make_run(
            folder / name,
            tokenizers,
            source_language=source,
            target_language=target,
            source_kind=kind,
            both_directions=both,
            held_out=dict.fromkeys(SPLITS, text if kind == "text" else features),
        )

    return {
        "first": made("first", words, "xx", "yy"),
        PEER: made(PEER, words, "xx", "yy"),
        REVERSE: made(REVERSE, words, "yy", "xx"),
        BOTH: made(BOTH, words, "xx", "yy", both=1.0),
        OTHER: made(OTHER, words, "xx", "zz"),
        OTHER_WORDS: made(OTHER_WORDS, others, "xx", "yy"),
        OTHER_WORDS_BACK: made(OTHER_WORDS_BACK, others, "yy", "xx"),
        FEATURES: made(FEATURES, frames, "xx", "yy", "features"),
        FEATURES_BACK: made(FEATURES_BACK, frames, "yy", "xx", "features"),
    }


SPLITS = ("validation", "test")


@pytest.fixture
def ended(
    command: Command, write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, Path, Path], str]:
    """The message with which a command refuses two runs; empty if it takes them."""
    monkeypatch.setattr(significance, "SAMPLES", dict.fromkeys(SignificanceTest, 100))
    text = write("text", "dog\nrain\n")

    def refusal(name: str, first: Path, other: Path) -> str:
        if name == "alignment_supervision":
            kind = SupervisionKind.runs
            supervision = AlignmentSupervisionConfig(kind=kind, runs=[str(first), str(other)])
            config = replace(saved_config(first), alignment_supervision=supervision)
            return "\n".join(supervising_run_problems(config))
        if name in ("load", "compare"):
            try:
                if name == "load":
                    seq2seq.load(first, other, device="cpu")
                else:
                    start_evaluation(EvaluateConfig(compare=[str(first), str(other)]))
            except UserError as error:
                return str(error)
            return ""
        both = COMMANDS[name] is Together.ensemble
        files = [text] if name == "translate" else [text, text]
        arguments = [*name.split(), "--run", first, "--run" if both else "--reverse", other]
        done = command(*arguments, *files, "--device", "cpu")
        assert (done.code == 0) is (done.out != "")
        return "" if done.code == 0 else done.err

    return refusal


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "other", [PEER, REVERSE, BOTH, OTHER, OTHER_WORDS, OTHER_WORDS_BACK, FEATURES, FEATURES_BACK]
)
def test_each_command_states_what_its_runs_must_share(
    runs: dict[str, Path], ended: Callable[[str, Path, Path], str], name: str, other: str
) -> None:
    key = COMMANDS[name], other
    expected = MESSAGES.get(key)
    if expected is None and key not in FITTING:
        pytest.skip("two reasons at once")
    if name in ("score", "align") and other not in (PEER, REVERSE):
        pytest.skip("loads runs as translate does")
    message = ended(name, runs["first"], runs[other])
    if expected is None:
        assert message == ""
        return
    if name == "alignment_supervision" and "the other way" in expected:
        expected = "cannot be REVERSE|the other way"
    assert str(runs[other]) in message
    assert re.search(expected, message)


@pytest.mark.parametrize("together", Together)
def test_every_purpose_has_rules(together: Together) -> None:
    assert RULES[together]


@pytest.mark.parametrize("together", [Together.ensemble, Together.comparison])
def test_a_task_of_symbols_and_its_reverse_are_two_directions(
    runs: dict[str, Path], together: Together
) -> None:
    config = saved_config(runs["first"])
    same = replace(config.data, source_language="symbols", target_language="symbols")
    members = [
        Member(Path(name), replace(config, data=replace(same, reverse=reverse)))
        for name, reverse in (("a", False), ("b", True), ("c", False))
    ]
    (problem,) = problems_together(together, members)
    assert "b translates symbols to symbols with data.reverse=true" in problem
