"""What is done to text before it is scored. Scores of different protocols cannot be compared.

sacremoses, which only one of the protocols needs, is an optional package and slow to import.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from seq2seq.errors import ConfigError, MissingDependencyError

UNSUPPORTED_BY_MOSES = frozenset(
    {"zh", "ja", "th", "lo", "km", "my", "bo", "dz", "yue"}
)  # not split into words by its rules
TWO_LETTER_CODES = {
    "zho": "zh",
    "chi": "zh",
    "cmn": "zh",
    "jpn": "ja",
    "kor": "ko",
    "tha": "th",
    "lao": "lo",
    "khm": "km",
    "mya": "my",
    "bur": "my",
    "bod": "bo",
    "tib": "bo",
    "dzo": "dz",
}


class ScoringProtocol(Enum):
    """What happens to text before it is scored.

    cased_13a: nothing. BLEU tokenises by its rule 13a, or by the rule that the target language
        needs instead, as Chinese does (the signature says which). The one to report.
    lowercased_tokenized: lower-cased, punctuation normalised and tokenised as the Moses scripts do;
        BLEU then splits at spaces. Only to compare with scores published so, as most for
        Multi30k are.
    """

    cased_13a = "cased_13a"
    lowercased_tokenized = "lowercased_tokenized"


@dataclass(frozen=True)
class Scoring:
    """What all metrics of an evaluation are told.

    Attributes:
        target_language: a code such as "de", "zh" or "jpn".
        protocol: how the texts were prepared before they reach a metric.
        bleu_tokenizer: sacrebleu's name of a tokenizer; None takes that of the target language.
    """

    target_language: str
    protocol: ScoringProtocol = ScoringProtocol.cased_13a
    bleu_tokenizer: str | None = None


def base_language(code: str) -> str:
    """The two-letter code: "zh" of "zh-CN", "zho_Hant" or "ZH"."""
    language = code.replace("_", "-").split("-")[0].lower()
    return TWO_LETTER_CODES.get(language, language)


def prepare_texts(texts: Sequence[str], protocol: ScoringProtocol, language: str) -> list[str]:
    """Texts as the protocol scores them.

    lowercased_tokenized turns raw text into the published `*.lc.norm.tok.*` files of Multi30k.

    Raises:
        ConfigError: Moses has no rules for this language, or cannot split it into words.
        MissingDependencyError: sacremoses is not installed.
    """
    if protocol is ScoringProtocol.cased_13a:
        return list(texts)
    try:
        from sacremoses import MosesPunctNormalizer, MosesTokenizer
        from sacremoses.corpus import NonbreakingPrefixes
    except ImportError as error:
        raise MissingDependencyError(
            "protocol: lowercased_tokenized needs sacremoses, which is not installed; "
            "pip install sacremoses, or choose protocol=cased_13a"
        ) from error

    code = base_language(language)
    legal = set(NonbreakingPrefixes().available_langs.values()) - UNSUPPORTED_BY_MOSES
    if code not in legal:
        raise ConfigError(
            f"protocol: lowercased_tokenized has no rules for target language {language!r}; "
            f"choose protocol=cased_13a, or one of the languages {', '.join(sorted(legal))}"
        )
    normalizer, tokenizer = MosesPunctNormalizer(code), MosesTokenizer(code)
    lines = (normalizer.normalize(text.lower()) for text in texts)
    return [
        tokenizer.tokenize(line, escape=True, aggressive_dash_splits=False, return_str=True)
        for line in lines
    ]
