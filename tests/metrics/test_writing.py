"""Text and the tokenizer that scores it: what fits, and what is said or refused if it does not."""

import json
import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sacrebleu.metrics.bleu import BLEU

from seq2seq.errors import MissingDependencyError
from seq2seq.metrics.score import Scorer
from seq2seq.metrics.writing import (
    BY_LANGUAGE,
    MODELS,
    TOKENIZER_NAMES,
    tokenizer_caution,
    writing_of,
)

TEXTS = {
    "Chinese": "我喜欢绿色的苹果和梨。 NASA 2026!",
    "Japanese": "私は緑のりんごが好きです。",
    "Korean": "나는 초록색 사과를 좋아한다.",
    "Thai": "ฉันชอบแอปเปิลสีเขียว",
    "Lao": "ຂ້ອຍມັກໝາກແອັບເປີ້ນ",
    "Tibetan": "ང་ཀུ་ཤུ་ལྗང་ཁུ་ལ་དགའ།",
    "Myanmar": "ကျွန်တော် ပန်းသီးကို ကြိုက်တယ်။",
    "Khmer": "ខ្ញុំចូលចិត្តផ្លែប៉ោម",
}
PACKAGES = {"ja-mecab": "MeCab", "ko-mecab": "mecab_ko"}
SPACED = [
    "I like green apples.",
    "Мне нравятся яблоки.",
    "मुझे सेब पसंद है।",
    "أحب التفاح",
    "",
    "12 34 !",
    "The sign says 苹果 in Chinese.",
]


@pytest.mark.parametrize("writing", TEXTS)
def test_writings_without_spaces_are_recognised(writing: str) -> None:
    assert writing_of([TEXTS[writing], "", "a b"]) == writing


@pytest.mark.parametrize("text", SPACED)
def test_other_text_has_spaces(text: str) -> None:
    assert writing_of([text]) is None


@pytest.mark.parametrize("tokenizer", TOKENIZER_NAMES)
@pytest.mark.parametrize("text", [*TEXTS, None])
def test_a_tokenizer_that_does_not_fit_is_said(tokenizer: str, text: str | None) -> None:
    fitting = {
        "Chinese": {"zh", "char"},
        "Japanese": {"ja-mecab", "char"},
        "Korean": {"ko-mecab", "char"},
        None: {"13a", "intl", "none"},
    }.get(text, {"char"})
    caution = tokenizer_caution(tokenizer, text)
    assert (caution is None) is (tokenizer in {*fitting, *MODELS})
    assert caution is None or "bleu_tokenizer=" in caution


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("xx", TEXTS["Chinese"], ["13a", "target_language=zh"]),
        ("xx", TEXTS["Japanese"], ["13a", "target_language=ja"]),
        ("en", TEXTS["Korean"], ["13a"]),
        ("en", TEXTS["Thai"], ["13a", "words between spaces"]),
        ("th", TEXTS["Thai"], ["words between spaces"]),
        ("zh", TEXTS["Chinese"], []),
        ("zh", SPACED[0], ["tokenizer zh", "counts characters"]),
        ("en", SPACED[0], []),
    ],
)
def test_cautions_follow_the_script_of_the_references(
    caplog: pytest.LogCaptureFixture, language: str, text: str, said: list[str]
) -> None:
    with caplog.at_level(logging.INFO, "seq2seq"):
        Scorer(language).log_scoring([text] * 3)
    cautions = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(cautions) == len(said)
    for caution, part in zip(cautions, said, strict=True):
        assert part in caution
    chosen = [record.message for record in caplog.records if record.levelname == "INFO"]
    assert len(chosen) == (BY_LANGUAGE.get(language) is not None), "a choice is never silent"


PROGRAM = """
import json, os, shlex, sys
from sacrebleu.sacrebleu import main
for command in json.loads(sys.argv[1]):
    if os.fork() == 0:
        sys.argv = shlex.split(command)
        sys.exit(main())
    os.wait()
"""


def scorer_of(tokenizer: str) -> Scorer | None:
    """None where a package is missing, which the message then names."""
    if tokenizer.endswith("-mecab") and find_spec(PACKAGES[tokenizer]) is None:
        with pytest.raises(MissingDependencyError, match=rf"sacrebleu\[{tokenizer[:2]}\]"):
            Scorer("en", bleu_tokenizer=tokenizer)
        return None
    return Scorer("en", ["bleu"], bleu_tokenizer=tokenizer)


def test_the_command_reproduces_the_scores_of_each_tokenizer(tmp_path: Path) -> None:
    references = [*TEXTS.values(), *SPACED[:3]]
    hypotheses = [text.replace("e", "a")[:-1] for text in references]
    for name, lines in (("references.txt", references), ("hypotheses.txt", hypotheses)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    names = [name for name in TOKENIZER_NAMES if name not in MODELS]
    scorers = [scorer for name in names if (scorer := scorer_of(name)) is not None]
    commands = [scorer.sacrebleu_command() for scorer in scorers]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    printed = json.loads("[" + done.stdout.decode().replace("}\n{", "},{") + "]")
    assert len(printed) == len(scorers) >= 5
    for entry, scorer in zip(printed, scorers, strict=True):
        score = scorer.corpus(hypotheses, references)["bleu"]
        assert entry["signature"] == score.signature
        assert entry["score"] == pytest.approx(score.score, abs=1e-4)
    assert len({entry["score"] for entry in printed}) >= 4, "the tokenizers differ"


def test_every_tokenizer_of_sacrebleu_is_known() -> None:
    assert set(TOKENIZER_NAMES) == set(BLEU.TOKENIZERS) - {"spm"}, "spm is an old name of flores101"


@pytest.mark.parametrize("tokenizer", MODELS)
def test_a_model_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str
) -> None:
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=f"BLEU.tokenize='{tokenizer}'"):
        Scorer("th", bleu_tokenizer=tokenizer)
