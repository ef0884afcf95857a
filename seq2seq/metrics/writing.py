"""Writing systems without spaces between words, and the tokenizers of BLEU that can split them."""

import re
from collections.abc import Sequence
from functools import cache

from seq2seq.metrics.protocol import base_language

DEFAULT_TOKENIZER = "13a"
MODELS = ("flores101", "flores200", "spBLEU-1K")  # SentencePiece models, which split any text
TOKENIZER_NAMES = (DEFAULT_TOKENIZER, "intl", "char", "zh", "ja-mecab", "ko-mecab", "none", *MODELS)
BY_LANGUAGE = {
    "zh": "zh",
    "ja": "ja-mecab",
    "ko": "ko-mecab",
    # Languages without spaces between words that sacrebleu has no tokenizer for.
    **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz"), "char"),
}  # what sacrebleu calls the tokenizer of a language that 13a does not split
RANGES = {
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af",
    "Kana": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9d",
    "Hangul": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7af",
    "Thai": "\u0e01-\u0e4e",
    "Lao": "\u0e81-\u0ecd\u0edc-\u0edf",
    "Tibetan": "\u0f40-\u0fbc",
    "Myanmar": "\u1000-\u103f\u1050-\u109d\ua9e0-\ua9fe\uaa60-\uaa7f",
    "Khmer": "\u1780-\u17d3",
}  # characters of a script
FITTING = {
    "Chinese": ("zh", "char"),
    "Japanese": ("ja-mecab", "char"),
    "Korean": ("ko-mecab", "char"),
    **dict.fromkeys(("Thai", "Lao", "Tibetan", "Myanmar", "Khmer"), ("char",)),
}  # tokenizers that split a writing, beside MODELS
KANA_SHARE = 0.05  # of the characters of Japanese text are Kana at least
LETTER = re.compile(r"[^\W\d_]")


def language_tokenizer(language: str) -> str:
    """The tokenizer that BLEU takes for a target language, by its code."""
    return BY_LANGUAGE.get(base_language(language), DEFAULT_TOKENIZER)


def writing_of(texts: Sequence[str]) -> str | None:
    """Which of FITTING most letters of the texts are written in; None for any other writing."""
    text = "\n".join(texts)
    counts = {script: len(pattern.findall(text)) for script, pattern in patterns().items()}
    kana = counts.pop("Kana")
    japanese = kana > KANA_SHARE * (kana + counts["Han"])
    counts["Japanese" if japanese else "Chinese"] = counts.pop("Han") + kana
    counts["Korean"] = counts.pop("Hangul")
    writing = max(counts, key=lambda name: counts[name])
    if 2 * counts[writing] <= len(LETTER.findall(text)) or not counts[writing]:
        return None
    return writing


@cache
def patterns() -> dict[str, re.Pattern[str]]:
    return {script: re.compile(f"[{characters}]") for script, characters in RANGES.items()}


def tokenizer_caution(tokenizer: str, writing: str | None) -> str | None:
    """Why a tokenizer does not fit text of a writing; None if it does."""
    fitting = FITTING.get(writing or "")
    if tokenizer in MODELS:
        return None
    if fitting is None:
        if tokenizer in ("char", "zh", "ja-mecab", "ko-mecab"):
            return (
                f"BLEU is computed with the tokenizer {tokenizer}, but the references have spaces "
                f"between words; choose bleu_tokenizer={DEFAULT_TOKENIZER}, or the right "
                "target_language, in the evaluation"
            )
        return None
    if tokenizer in fitting:
        return None
    return (
        f"BLEU is computed with the tokenizer {tokenizer}, which does not split {writing} writing "
        f"into words, but most of the references are {writing}; choose "
        f"bleu_tokenizer={' or '.join(fitting)} in the evaluation"
    )
