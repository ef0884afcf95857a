"""What is done to text before it is scored, and the sacrebleu metrics and command that go with it.

Scores of different protocols cannot be compared. sacrebleu and sacremoses are slow to import, and are when needed.
"""

import shlex
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from seq2seq.errors import ConfigError, MissingDependencyError, choices

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

BLEU_TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"} | dict.fromkeys(
    (
        "th",
        "lo",
        "km",
        "my",
        "bo",
        "dz",
    ),  # no spaces between words, and no tokenizer in sacrebleu: by character
    "char",
)
WITHOUT_SPACES = {*BLEU_TOKENIZERS, "yue"} - {
    "ko"
}  # languages that the Moses rules do not part into words
DEFAULT_BLEU_TOKENIZER = "13a"
TER_BY_CHARACTER = ("zh", "ja")  # TER counts words between spaces unless told otherwise
TWO_LETTER_CODES = {"zho": "zh", "chi": "zh", "cmn": "zh", "jpn": "ja", "kor": "ko"} | {
    "tha": "th", "lao": "lo", "khm": "km", "mya": "my", "bur": "my", "bod": "bo", "tib": "bo", "dzo": "dz",
}  # fmt: skip


class ScoringProtocol(Enum):
    """What happens to text before it is scored.

    cased_13a: nothing; sacrebleu tokenises for BLEU, by its rule 13a or by the one that the target language needs in
        its place, as Chinese does (the signature says which). The one to report.
    lowercased_tokenized: lower-cased, punctuation normalised and tokenised as the Moses scripts do, then BLEU without
        a tokenizer of its own. Only to compare with scores published so, as most for Multi30k are.
    """

    cased_13a = "cased_13a"
    lowercased_tokenized = "lowercased_tokenized"


def base_language(code: str) -> str:
    """ "zh" of "zh-CN", "zho_Hant" or "ZH"."""
    language = code.replace("_", "-").split("-")[0].lower()
    return TWO_LETTER_CODES.get(language, language)


def bleu_tokenizer(
    target_language: str, *, protocol: ScoringProtocol, lowercase: bool, tokenize: str | None
) -> str:
    """The name of the tokenizer BLEU uses, once options that contradict each other are refused."""
    if protocol is ScoringProtocol.lowercased_tokenized:
        if lowercase or tokenize is not None:
            raise ConfigError(
                "protocol: lowercased_tokenized fixes case and tokenizer; leave out lowercase and tokenize, or choose "
                "protocol=cased_13a"
            )
        return "none"
    return tokenize or BLEU_TOKENIZERS.get(base_language(target_language), DEFAULT_BLEU_TOKENIZER)


def make_metrics(
    target_language: str,
    *,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    lowercase: bool = False,
    tokenize: str | None = None,
    sentence_level: bool = False,
) -> "dict[str, Metric]":
    """New sacrebleu metrics: bleu, chrf and ter. Raises as corpus_scores does."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    tokenizer = bleu_tokenizer(
        target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize
    )
    if tokenizer not in BLEU.TOKENIZERS:
        raise ConfigError(
            f"tokenize: {tokenizer!r} does not exist; {choices(tokenizer, sorted(BLEU.TOKENIZERS))}"
        )
    force = (
        protocol is ScoringProtocol.lowercased_tokenized
    )  # no warning about text that looks tokenised
    try:
        metric = BLEU(
            lowercase=lowercase, tokenize=tokenizer, force=force, effective_order=sentence_level
        )
    except (
        Exception,
        SystemExit,
    ) as error:  # a missing package, a dictionary of the wrong kind, a failed download
        hint = (
            f"pip install 'sacrebleu[{tokenizer[:2]}]'"
            if "mecab" in tokenizer
            else "run once with network access"
        )
        raise MissingDependencyError(
            f"tokenize: {tokenizer} (target language {target_language}) needs what is not installed; {hint}, or choose "
            "tokenize=char and report that"
        ) from error
    by_character = base_language(target_language) in TER_BY_CHARACTER
    return {
        "bleu": metric,
        "chrf": CHRF(lowercase=lowercase),
        "ter": TER(normalized=by_character, asian_support=by_character),
    }


def prepare(texts: Sequence[str], protocol: ScoringProtocol, language: str) -> list[str]:
    """Texts as the protocol scores them.

    lowercased_tokenized gives the published `*.lc.norm.tok.*` references of Multi30k from its raw text.

    Raises:
        ConfigError: Moses has no rules for this language, and would use those of English; or its rules find no words,
            as in Chinese, and BLEU would compare whole sentences.
    """
    if protocol is ScoringProtocol.cased_13a:
        return list(texts)
    from sacremoses import MosesPunctNormalizer, MosesTokenizer
    from sacremoses.corpus import NonbreakingPrefixes

    code = base_language(language)
    legal = set(NonbreakingPrefixes().available_langs.values()) - WITHOUT_SPACES
    if code not in legal:
        raise ConfigError(
            f"protocol: lowercased_tokenized has no rules for target language {language!r}; choose protocol=cased_13a, "
            f"or one of the languages {', '.join(sorted(legal))}"
        )
    normalizer, tokenizer = MosesPunctNormalizer(code), MosesTokenizer(code)
    lines = (normalizer.normalize(text.lower()) for text in texts)
    return [
        tokenizer.tokenize(line, escape=True, aggressive_dash_splits=False, return_str=True)
        for line in lines
    ]


def sacrebleu_command(
    *,
    target_language: str,
    protocol: ScoringProtocol = ScoringProtocol.cased_13a,
    lowercase: bool = False,
    tokenize: str | None = None,
    n_bootstrap: int = 0,
    references: str = "references.txt",
    hypotheses: str = "hypotheses.txt",
) -> str:
    """The shell command that gives the numbers of corpus_scores from files, one sentence per line.

    Args:
        n_bootstrap: as for corpus_scores; its seed is the one of corpus_scores unless SACREBLEU_SEED is set.
        references, hypotheses: names of the files. lowercased_tokenized: they must hold what `prepare` returns, not
            the text as it was given to corpus_scores.
    """
    tokenizer = bleu_tokenizer(
        target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize
    )
    command = [
        "sacrebleu",
        references,
        "-i",
        hypotheses,
        "-m",
        "bleu",
        "chrf",
        "ter",
        "--tokenize",
        tokenizer,
    ]
    command += ["--lowercase", "--chrf-lowercase"] if lowercase else []
    command += (
        ["--ter-normalized", "--ter-asian-support"]
        if base_language(target_language) in TER_BY_CHARACTER
        else []
    )
    command += ["--force"] if protocol is ScoringProtocol.lowercased_tokenized else []
    command += ["--confidence", "--confidence-n", str(n_bootstrap)] if n_bootstrap else []
    return shlex.join([*command, "--width", "4"])
