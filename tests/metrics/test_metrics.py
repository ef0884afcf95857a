"""Every registered metric keeps the contract of `Metric`; each is checked by hand as well."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import sacrebleu
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from seq2seq.errors import ConfigError, MissingDependencyError
from seq2seq.metrics import METRICS, Metric
from seq2seq.metrics.base import DEFAULT_METRICS, Statistics, metric_problems, summed
from seq2seq.metrics.protocol import Scoring, base_language
from seq2seq.metrics.score import Scorer

REFERENCES = [
    "The cat sat on the mat, and the dog lay down.",
    "A man with a red hat is reading (slowly) in the park.",
    "Two children don't want to go home yet!",
    "",
]
HYPOTHESES = [
    "The cat sat on a mat and the dog lay down.",
    "A man in a red hat is Reading slowly in the park.",
    "Two children don't want to go home yet!",
    "more",
]


def build(name: str, language: str = "en") -> Metric:
    return METRICS[name](Scoring(language))


@pytest.fixture(params=list(METRICS))
def metric(request: pytest.FixtureRequest) -> Metric:
    return build(request.param)


def test_each_metric_describes_itself(metric: Metric) -> None:
    assert METRICS[metric.name] is type(metric)
    assert metric.label
    assert isinstance(metric.higher_is_better, bool)
    fields = [field.split(":", 1) for field in metric.signature.split("|")]
    assert fields[0] == ["nrefs", "1"]
    assert fields[-1][0] == "version"


def test_the_signature_is_known_before_anything_is_scored(metric: Metric) -> None:
    before = metric.signature
    metric.corpus(HYPOTHESES, REFERENCES)
    assert metric.signature == before


def test_a_corpus_is_scored_from_sums_over_its_sentences(metric: Metric) -> None:
    statistics = metric.statistics(HYPOTHESES, REFERENCES)
    assert len(statistics) == len(REFERENCES)
    assert len({len(row) for row in statistics}) == 1
    score = metric.corpus(HYPOTHESES, REFERENCES)
    assert type(score) is float
    assert score == metric.from_statistics(summed(statistics))
    shuffled = list(zip(HYPOTHESES, REFERENCES, strict=True))
    random.Random(0).shuffle(shuffled)
    hypotheses, references = zip(*shuffled, strict=True)
    assert metric.corpus(hypotheses, references) == pytest.approx(score)


def test_statistics_may_be_arrays(metric: Metric) -> None:
    table = np.array(metric.statistics(HYPOTHESES, REFERENCES), dtype=np.float64)
    score = metric.from_statistics(table.sum(0))
    assert type(score) is float
    assert score == pytest.approx(metric.corpus(HYPOTHESES, REFERENCES))


def test_equal_texts_have_the_best_score(metric: Metric) -> None:
    best = metric.corpus(REFERENCES, REFERENCES)
    assert best == pytest.approx(100 if metric.higher_is_better else 0)
    score = metric.corpus(HYPOTHESES, REFERENCES)
    assert score < best if metric.higher_is_better else score > best
    for text in REFERENCES[:3]:
        assert metric.sentence(text, text) == pytest.approx(best)


def test_a_wrong_sentence_has_a_worse_score_than_a_right_one(metric: Metric) -> None:
    right, wrong = metric.sentence("a b c d", "a b c d"), metric.sentence("x y", "a b c d")
    assert right > wrong if metric.higher_is_better else right < wrong


ORACLES = {
    "bleu": BLEU(tokenize="13a"),
    "chrf": CHRF(),
    "ter": TER(),
}


@pytest.mark.parametrize("name", ORACLES)
def test_scores_are_those_of_sacrebleu(name: str) -> None:
    metric, oracle = build(name), ORACLES[name]
    expected = oracle.corpus_score(HYPOTHESES, [REFERENCES])
    assert metric.corpus(HYPOTHESES, REFERENCES) == expected.score
    assert metric.signature == str(oracle.get_signature())


def test_the_defaults_are_those_with_an_oracle() -> None:
    assert tuple(ORACLES) == DEFAULT_METRICS


def test_bleu_by_hand() -> None:
    """11 of 12 tokens, 9 of 11, 7 of 10 and 5 of 9 n-grams match, for equal lengths."""
    hypotheses, references = ["a b c d e x g h i j k ."], ["a b c d e f g h i j k ."]
    expected = 100 * (11 / 12 * 9 / 11 * 7 / 10 * 5 / 9) ** 0.25
    assert build("bleu").corpus(hypotheses, references) == pytest.approx(expected)
    assert build("ter").corpus(hypotheses, references) == pytest.approx(100 / 12)


def test_bleu_of_a_sentence_has_effective_order() -> None:
    metric = build("bleu")
    assert metric.sentence("Hi", "Hi") == pytest.approx(100), "one word is enough"
    assert metric.corpus(["Hi"], ["Hi"]) == 0
    assert metric.sentence("", "Hello") == 0


def test_exact_match_by_hand() -> None:
    metric = build("exact_match")
    assert metric.corpus(["a b", "a", "A", ""], ["a b", "b", "a", ""]) == 50
    assert metric.sentence("a b", "a b") == 100
    assert metric.sentence("a b ", "a b") == 0


@pytest.mark.parametrize("code", ["zh", "ZH", "zh-CN", "zh_Hant", "zho_Hans", "cmn"])
def test_chinese_is_scored_by_character(code: str) -> None:
    assert base_language(code) == "zh"
    hypotheses, references = ["我喜欢红色的苹果和梨。"], ["我喜欢绿色的苹果和梨。"]
    assert "tok:zh" in build("bleu", code).signature
    assert 50 < build("bleu", code).corpus(hypotheses, references) < 100
    assert "asian:yes" in build("ter", code).signature
    assert build("ter", code).corpus(hypotheses, references) == pytest.approx(100 / 11)


@pytest.mark.parametrize(
    ("code", "tokenizer"), [("de", "13a"), ("pt-BR", "13a"), ("th", "char"), ("tha", "char")]
)
def test_the_target_language_chooses_how_bleu_tokenises(code: str, tokenizer: str) -> None:
    version = f"version:{sacrebleu.__version__}"
    expected = f"nrefs:1|case:mixed|eff:no|tok:{tokenizer}|smooth:exp|{version}"
    assert build("bleu", code).signature == expected


@pytest.mark.parametrize("code", ["ja", "ko"])
def test_a_tokenizer_that_is_not_installed_is_refused_with_the_command(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    import importlib

    implementation = importlib.import_module(f"sacrebleu.tokenizers.tokenizer_{code}_mecab")
    monkeypatch.setattr(implementation, "MeCab", None)
    with pytest.raises(MissingDependencyError, match=rf"pip install 'sacrebleu\[{code}\]'"):
        Scorer(code)
    assert Scorer(code, ["chrf", "ter"]).metrics, "the message's way out"


@pytest.fixture
def shortness() -> Iterator[type[Metric]]:
    """A metric of a user's own: the share of hypotheses of at most two words."""

    class Shortness(Metric):
        name = "shortness"
        label = "short"
        higher_is_better = True
        signature = "nrefs:1|words:2|version:1"

        def statistics(
            self, hypotheses: Sequence[str], references: Sequence[str]
        ) -> Sequence[Statistics]:
            return [(len(text.split()) <= 2, 1) for text in hypotheses]

        def from_statistics(self, sums: Statistics) -> float:
            return float(sums[0] / sums[1])

    METRICS.register(Shortness)
    yield Shortness
    METRICS.remove("shortness")


def test_a_registered_metric_is_an_option(shortness: type[Metric]) -> None:
    scores = Scorer("en", ["shortness", "bleu"]).corpus(
        ["a b", "a b c"] * 30, ["a b", "a b c"] * 30, n_bootstrap=50
    )
    assert list(scores) == ["shortness", "bleu"]
    result = scores["shortness"]
    assert (result.score, result.signature) == (0.5, "nrefs:1|words:2|version:1")
    assert result.confidence is not None
    assert result.confidence[0] < 0.5 < result.confidence[1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "metrics: must name at least one"),
        (["bleu", "bleu"], "metrics: bleu is listed twice"),
        (["blue"], "metrics: no metric is called 'blue'; did you mean bleu.*imports="),
    ],
)
def test_metrics_that_cannot_be_chosen_are_refused(names: list[str], message: str) -> None:
    assert not list(metric_problems(DEFAULT_METRICS))
    assert len(list(metric_problems(names))) == 1
    with pytest.raises(ConfigError, match=message):
        Scorer("en", names)
