import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from seq2seq.errors import ConfigError, DataError, MissingDependencyError
from seq2seq.metrics import score
from seq2seq.metrics.protocol import (
    ScoringProtocol,
    base_language,
    make_metrics,
    prepare,
    sacrebleu_command,
)
from seq2seq.metrics.score import bleu, corpus_scores, sentence_scores

REFERENCES = [
    "The cat sat on the mat, and the dog lay down.",
    "A man with a red hat is reading (slowly) in the park.",
    "Two children don't want to go home yet!",
]
HYPOTHESES = [
    "The cat sat on a mat and the dog lay down.",
    "A man in a red hat is Reading slowly in the park.",
    "Two kids do not want to go home.",
]


def test_bleu_by_hand() -> None:
    """11 of 12 tokens, 9 of 11, 7 of 10 and 5 of 9 n-grams match, for equal lengths."""
    scores = corpus_scores(
        ["a b c d e x g h i j k ."], ["a b c d e f g h i j k ."], target_language="en"
    )
    expected = 100 * (11 / 12 * 9 / 11 * 7 / 10 * 5 / 9) ** 0.25
    assert scores["bleu"].score == pytest.approx(expected)
    assert scores["ter"].score == pytest.approx(100 / 12)


def test_equal_texts_are_perfect() -> None:
    scores = corpus_scores(REFERENCES, REFERENCES, target_language="en")
    assert {name: value.score for name, value in scores.items()} == pytest.approx(
        {"bleu": 100, "chrf": 100, "ter": 0}
    )
    assert (
        scores["bleu"].signature
        == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"
    )
    assert all(value.confidence is None for value in scores.values())


@pytest.mark.parametrize("options", [{}, {"lowercase": True}, {"tokenize": "char"}])
def test_bleu_alone_is_the_same_number(options: dict[str, Any]) -> None:
    scores = corpus_scores(HYPOTHESES, REFERENCES, target_language="en", **options)
    assert bleu(HYPOTHESES, REFERENCES, target_language="en", **options) == scores["bleu"].score


def test_lower_case_is_obeyed_and_recorded() -> None:
    shouted = [text.upper() for text in REFERENCES]
    mixed = corpus_scores(shouted, REFERENCES, target_language="en")
    lower = corpus_scores(shouted, REFERENCES, target_language="en", lowercase=True)
    for name in ("bleu", "chrf"):
        assert mixed[name].score < 50
        assert lower[name].score == pytest.approx(100)
        assert "case:lc" in lower[name].signature


def test_bootstrap_gives_an_interval_around_the_score() -> None:
    scores = corpus_scores(HYPOTHESES * 10, REFERENCES * 10, target_language="en", n_bootstrap=100)
    for value in scores.values():
        assert value.confidence is not None
        low, high = value.confidence
        assert low < value.score < high
        assert type(low) is type(high) is type(value.score) is float
        assert "bs:" not in value.signature, (
            "the same score has the same signature, with or without"
        )


def test_resamples_without_any_match_have_a_place_in_the_interval() -> None:
    scores = corpus_scores(
        [REFERENCES[0], "x", "y"], [REFERENCES[0], "b", "c"], target_language="en", n_bootstrap=100
    )
    assert all(
        value.confidence is not None and value.confidence[0] < value.confidence[1]
        for value in scores.values()
    )


def test_the_seed_of_the_bootstrap_is_obeyed_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def confidence(seed: int) -> tuple[float, float] | None:
        return corpus_scores(
            HYPOTHESES * 10, REFERENCES * 10, target_language="en", n_bootstrap=100, seed=seed
        )["chrf"].confidence

    before = confidence(1)
    monkeypatch.setenv("SACREBLEU_SEED", "none")
    assert confidence(1) == before != confidence(2)
    assert os.environ["SACREBLEU_SEED"] == "none"


def test_sentence_scores() -> None:
    scores = sentence_scores([*HYPOTHESES, ""], [*REFERENCES, "Hello"], target_language="en")
    assert scores[3].bleu == scores[3].chrf == 0
    assert scores[3].ter == 100
    perfect = sentence_scores(
        ["Hi", "", REFERENCES[0]], ["Hi", "", REFERENCES[0]], target_language="en"
    )
    assert perfect[0].bleu == pytest.approx(100), "effective order: one word is enough"
    assert (perfect[1].ter, perfect[2].ter, perfect[2].bleu) == (0, 0, pytest.approx(100))
    one = corpus_scores(HYPOTHESES[:1], REFERENCES[:1], target_language="en")
    assert (scores[0].bleu, scores[0].ter) == pytest.approx((one["bleu"].score, one["ter"].score))


WRONG_SHAPES = [
    (["a"], ["a", "b"], "1 hypotheses for 2 references"),
    (["a", "b"], ["a"], "2 hypotheses for 1 references"),
    ([], [], "nothing to score"),
    ("a b", ["a b"], "hypotheses: must be a list"),
    (["a b"], "a b", "references: must be a list"),
    (["a b"], [["a b"]], "references: sentence 0 must be a string, not list"),
    (["a", None], ["a", "b"], "hypotheses: sentence 1 must be a string, not NoneType"),
    ([[1, 2]], ["a"], "hypotheses: sentence 0 must be a string, not list"),
    ({"a": 1}, ["a"], "hypotheses: must be a list"),
    (["a\nb"], ["a"], "hypotheses: sentence 0 holds a line break"),
    (["▁a ▁b", "▁c"], ["a b", "c"], "subword pieces"),
]


@pytest.mark.parametrize(("hypotheses", "references", "message"), WRONG_SHAPES)
def test_wrong_shapes_are_refused(hypotheses: Any, references: Any, message: str) -> None:
    for function in (corpus_scores, bleu, sentence_scores):
        with pytest.raises(DataError, match=message):
            function(hypotheses, references, target_language="en")


def test_a_stray_piece_sign_is_scored() -> None:
    assert bleu([*REFERENCES, "▁"], [*REFERENCES, "x"], target_language="en") > 50
    assert bleu(["a ▁ b ▁ c"], ["a ▁ b ▁ c"], target_language="en") == pytest.approx(100)


@pytest.mark.parametrize("code", ["zh", "ZH", "zh-CN", "zh_Hant", "zho_Hans", "cmn"])
def test_chinese_is_scored_by_character(code: str) -> None:
    assert base_language(code) == "zh"
    scores = corpus_scores(
        ["我喜欢红色的苹果和梨。"], ["我喜欢绿色的苹果和梨。"], target_language=code
    )
    assert "tok:zh" in scores["bleu"].signature
    assert "asian:yes" in scores["ter"].signature
    assert 50 < scores["bleu"].score < 100
    assert scores["ter"].score == pytest.approx(100 / 11)


@pytest.mark.parametrize(
    ("code", "tokenizer"), [("de", "13a"), ("pt-BR", "13a"), ("th", "char"), ("tha", "char")]
)
def test_the_target_language_chooses_how_bleu_tokenises(code: str, tokenizer: str) -> None:
    assert (
        f"tok:{tokenizer}|" in corpus_scores(["a"], ["a"], target_language=code)["bleu"].signature
    )
    assert (
        "tok:intl|"
        in corpus_scores(["a"], ["a"], target_language=code, tokenize="intl")["bleu"].signature
    )


@pytest.mark.parametrize(("code", "module"), [("ja", "ja"), ("ko", "ko")])
def test_a_tokenizer_that_is_not_installed_is_refused_with_the_command(
    monkeypatch: pytest.MonkeyPatch, code: str, module: str
) -> None:
    import importlib

    implementation = importlib.import_module(f"sacrebleu.tokenizers.tokenizer_{module}_mecab")
    monkeypatch.setattr(implementation, "MeCab", None)
    with pytest.raises(MissingDependencyError, match=rf"pip install 'sacrebleu\[{code}\]'"):
        corpus_scores(["a"], ["a"], target_language=code)
    assert corpus_scores(["a"], ["a"], target_language=code, tokenize="char")["bleu"].signature


def test_options_that_do_not_exist_or_contradict_are_refused() -> None:
    with pytest.raises(ConfigError, match="tokenize: '13' does not exist; did you mean 13a"):
        corpus_scores(["a"], ["a"], target_language="en", tokenize="13")
    for n_bootstrap in (1, 39, -1):
        with pytest.raises(ConfigError, match="n_bootstrap"):
            corpus_scores(["a"], ["a"], target_language="en", n_bootstrap=n_bootstrap)
    contradictions: list[dict[str, Any]] = [{"lowercase": True}, {"tokenize": "13a"}]
    for options in contradictions:
        with pytest.raises(ConfigError, match="protocol"):
            make_metrics("de", protocol=ScoringProtocol.lowercased_tokenized, **options)
    for language in ("xx", "zh-CN", "ja", "yue", "th"):
        with pytest.raises(ConfigError, match=f"no rules for target language '{language}'.* de, "):
            prepare(["a"], ScoringProtocol.lowercased_tokenized, language)


def test_the_tokenized_protocol_by_hand() -> None:
    raw = ["Ein Mann (links) sagt: „Das ist's!“", "Zwei T-Shirts & 3,5 km – z.B. heute …"]
    assert prepare(raw, ScoringProtocol.lowercased_tokenized, "de") == [
        "ein mann ( links ) sagt : &quot; das ist &apos; s ! &quot;",
        "zwei t-shirts &amp; 3,5 km - z.b. heute ...",
    ]
    assert prepare(raw, ScoringProtocol.cased_13a, "de") == raw


def test_the_tokenized_protocol_scores_what_it_prepared() -> None:
    scores = corpus_scores(
        ["Ein MANN sagt: “ja”."],
        ['Ein Mann sagt: "ja".'],
        target_language="de",
        protocol=ScoringProtocol.lowercased_tokenized,
    )
    assert "tok:none" in scores["bleu"].signature
    assert (scores["bleu"].score, scores["ter"].score) == pytest.approx((100, 0))


@pytest.mark.parametrize(
    "options",
    [
        {"target_language": "en"},
        {"target_language": "en", "lowercase": True, "n_bootstrap": 50},
        {"target_language": "zh"},
        {"target_language": "en", "protocol": ScoringProtocol.lowercased_tokenized},
    ],
)
def test_the_command_gives_the_same_numbers(tmp_path: Path, options: dict[str, Any]) -> None:
    scores = corpus_scores(HYPOTHESES, REFERENCES, **options)
    protocol = options.get("protocol", ScoringProtocol.cased_13a)
    for name, texts in (("my references.txt", REFERENCES), ("hypotheses.txt", HYPOTHESES)):
        lines = prepare(texts, protocol, options["target_language"])
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = shlex.split(sacrebleu_command(references="my references.txt", **options))
    assert command[0] == "sacrebleu"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SACREBLEU")
    }
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    for result, (name, value) in zip(json.loads(done.stdout), scores.items(), strict=True):
        assert result["name"].lower().startswith(name)
        assert result["score"] == pytest.approx(value.score, abs=1e-4)
        assert result["signature"].replace("bs:50|seed:12345|", "") == value.signature
        if value.confidence is not None:
            mean, half = sum(value.confidence) / 2, (value.confidence[1] - value.confidence[0]) / 2
            assert (result["confidence_mean"], result["confidence_var"]) == pytest.approx(
                (mean, half), abs=1e-3
            )


def test_importing_the_module_does_not_import_what_is_slow() -> None:
    program = f"import {score.__name__}, sys; sys.exit(any(name in sys.modules for name in ('sacrebleu', 'sacremoses')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
