"""Scores of translations: BLEU, chrF and TER, by sacrebleu, with the signature that makes each comparable.

sacrebleu accepts inputs of the wrong shape and returns a number for them; the functions here refuse those. Text is
scored detokenised, as a user reads it (Post 2018, "A Call for Clarity in Reporting BLEU Scores", arXiv:1804.08771).

    BLEU    Papineni et al. 2002, tokenised by a rule that the target language chooses; 0 to 100, higher is better
    chrF    Popović 2015, character n-grams up to 6, beta 2; 0 to 100, higher is better
    TER     Snover et al. 2006, edits per 100 reference words, always lower-cased; lower is better
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from seq2seq.errors import ConfigError, DataError, MissingDependencyError, choices

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

BLEU_TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"} | dict.fromkeys(
    ("th", "lo", "km", "my", "bo", "dz"),  # no spaces between words, and no tokenizer in sacrebleu: by character
    "char",
)
DEFAULT_BLEU_TOKENIZER = "13a"
TER_BY_CHARACTER = ("zh", "ja")  # TER counts words between spaces unless told otherwise
TWO_LETTER_CODES = {"zho": "zh", "chi": "zh", "cmn": "zh", "jpn": "ja", "kor": "ko"} | {
    "tha": "th", "lao": "lo", "khm": "km", "mya": "my", "bur": "my", "bod": "bo", "tib": "bo", "dzo": "dz",
}  # fmt: skip
MIN_BOOTSTRAP = 40  # fewer samples than that, and sacrebleu's 95 % interval is the range of all


class Protocol(Enum):
    """What happens to text before it is scored. Scores of different protocols cannot be compared.

    standard: nothing; sacrebleu tokenises for BLEU. The one to report, in most languages "cased, 13a".
    lowercased_tokenized: lower-cased, punctuation normalised and tokenised as the Moses scripts do, then BLEU without
        a tokenizer of its own. Only to compare with scores published so, as most for Multi30k are.
    """

    standard = "standard"
    lowercased_tokenized = "lowercased_tokenized"


@dataclass(frozen=True)
class Score:
    """A score of a corpus.

    Attributes:
        score: see the top of this file for its range.
        signature: sacrebleu's, with its version and every setting that matters.
        confidence: 95 % interval by bootstrap resampling, or None if it was not asked for.
    """

    score: float
    signature: str
    confidence: tuple[float, float] | None = None


@dataclass(frozen=True)
class SentenceScore:
    """Scores of one sentence; BLEU with effective order, so that short sentences are not zero."""

    bleu: float
    chrf: float
    ter: float


def corpus_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target_language: str,
    protocol: Protocol = Protocol.standard,
    lowercase: bool = False,
    tokenize: str | None = None,
    n_bootstrap: int = 0,
) -> dict[str, Score]:
    """Score a corpus; keys are bleu, chrf and ter.

    Args:
        hypotheses, references: detokenised text, one string per sentence, in the same order.
        target_language: a code such as "de", "zh" or "jpn"; chooses how BLEU tokenises.
        protocol: see Protocol.
        lowercase: ignore case in BLEU and chrF; TER always does.
        tokenize: one of sacrebleu's tokenizers, in place of the one chosen by language.
        n_bootstrap: resamples for a confidence interval, 0 for none; 1000 is usual. Seeded by the environment
            variable SACREBLEU_SEED, default 12345.

    Raises:
        ConfigError: options that do not exist or contradict each other.
        DataError: what was given is not one hypothesis per reference.
        MissingDependencyError: the language's tokenizer is not installed.
    """
    if n_bootstrap != 0 and n_bootstrap < MIN_BOOTSTRAP:
        raise ConfigError(f"n_bootstrap: must be 0 (no interval) or at least {MIN_BOOTSTRAP}, not {n_bootstrap}")
    check_texts(hypotheses, references)
    metrics = make_metrics(target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize)
    prepared = prepare(hypotheses, protocol, target_language)
    streams = [prepare(references, protocol, target_language)]
    scores = {}
    for name, metric in metrics.items():
        result = metric.corpus_score(prepared, streams, n_bootstrap=max(n_bootstrap, 1))
        interval = (float(result._mean - result._ci), float(result._mean + result._ci)) if n_bootstrap else None
        scores[name] = Score(float(result.score), str(metric.get_signature()), interval)
    return scores


def bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target_language: str,
    protocol: Protocol = Protocol.standard,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> float:
    """BLEU alone, for validation while training; the same number as corpus_scores gives."""
    check_texts(hypotheses, references)
    metrics = make_metrics(target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize)
    streams = [prepare(references, protocol, target_language)]
    return float(metrics["bleu"].corpus_score(prepare(hypotheses, protocol, target_language), streams).score)


def sentence_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    target_language: str,
    protocol: Protocol = Protocol.standard,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> list[SentenceScore]:
    """Score every sentence on its own. Good for finding sentences to look at; their mean is not the corpus score."""
    check_texts(hypotheses, references)
    metrics = make_metrics(
        target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize, sentence_level=True
    )
    pairs = zip(
        prepare(hypotheses, protocol, target_language), prepare(references, protocol, target_language), strict=True
    )
    return [
        SentenceScore(**{name: float(m.sentence_score(hypothesis, [reference]).score) for name, m in metrics.items()})
        for hypothesis, reference in pairs
    ]


def sacrebleu_command(
    *,
    target_language: str,
    protocol: Protocol = Protocol.standard,
    lowercase: bool = False,
    tokenize: str | None = None,
    n_bootstrap: int = 0,
    references: str = "references.txt",
    hypotheses: str = "hypotheses.txt",
) -> str:
    """The shell command that gives the numbers of corpus_scores from files, one sentence per line.

    lowercased_tokenized: the files must hold what `prepare` returns, not the text as it was given to corpus_scores.
    """
    tokenizer = bleu_tokenizer(target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize)
    command = ["sacrebleu", references, "-i", hypotheses, "-m", "bleu", "chrf", "ter", "--tokenize", tokenizer]
    command += ["--lowercase", "--chrf-lowercase"] if lowercase else []
    command += ["--ter-normalized", "--ter-asian-support"] if base_language(target_language) in TER_BY_CHARACTER else []
    command += ["--force"] if protocol is Protocol.lowercased_tokenized else []
    command += ["--confidence", "--confidence-n", str(n_bootstrap)] if n_bootstrap else []
    return shlex.join([*command, "--width", "4"])


def check_texts(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Refuse what is not one string per sentence on both sides, with a DataError that says which."""
    for name, texts in (("hypotheses", hypotheses), ("references", references)):
        if isinstance(texts, str) or not isinstance(texts, Sequence):
            raise DataError(f"{name}: must be a list with one string per sentence, not {type(texts).__name__}")
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(f"{name}: sentence {index} must be a string, not {type(text).__name__}")
            if "\n" in text:
                raise DataError(f"{name}: sentence {index} holds a line break; give one line per sentence")
    if len(hypotheses) != len(references):
        raise DataError(f"{len(hypotheses)} hypotheses for {len(references)} references; both must be as many")
    if not hypotheses:
        raise DataError("there is nothing to score: no hypotheses and no references")
    pieces = sum("▁" in text for text in hypotheses)
    if 2 * pieces > len(hypotheses) and not any("▁" in text for text in references):
        raise DataError("the hypotheses are subword pieces (they hold ▁), which score wrongly; detokenise them first")


def base_language(code: str) -> str:
    """ "zh" of "zh-CN", "zho_Hant" or "ZH"."""
    language = code.replace("_", "-").split("-")[0].lower()
    return TWO_LETTER_CODES.get(language, language)


def bleu_tokenizer(target_language: str, *, protocol: Protocol, lowercase: bool, tokenize: str | None) -> str:
    """The name of the tokenizer BLEU uses, once options that contradict each other are refused."""
    if protocol is Protocol.lowercased_tokenized:
        if lowercase or tokenize is not None:
            raise ConfigError(
                "protocol: lowercased_tokenized fixes case and tokenizer; leave out lowercase and tokenize, or choose "
                "protocol=standard"
            )
        return "none"
    return tokenize or BLEU_TOKENIZERS.get(base_language(target_language), DEFAULT_BLEU_TOKENIZER)


def make_metrics(
    target_language: str,
    *,
    protocol: Protocol = Protocol.standard,
    lowercase: bool = False,
    tokenize: str | None = None,
    sentence_level: bool = False,
) -> "dict[str, Metric]":
    """New sacrebleu metrics: bleu, chrf and ter. Raises as corpus_scores does."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    tokenizer = bleu_tokenizer(target_language, protocol=protocol, lowercase=lowercase, tokenize=tokenize)
    if tokenizer not in BLEU.TOKENIZERS:
        raise ConfigError(f"tokenize: {tokenizer!r} does not exist; {choices(tokenizer, sorted(BLEU.TOKENIZERS))}")
    force = protocol is Protocol.lowercased_tokenized  # no warning about text that looks tokenised
    try:
        metric = BLEU(lowercase=lowercase, tokenize=tokenizer, force=force, effective_order=sentence_level)
    except (Exception, SystemExit) as error:  # a missing package, a dictionary of the wrong kind, a failed download
        hint = f"pip install 'sacrebleu[{tokenizer[:2]}]'" if "mecab" in tokenizer else "run once with network access"
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


def prepare(texts: Sequence[str], protocol: Protocol, language: str) -> list[str]:
    """Texts as the protocol scores them.

    lowercased_tokenized gives the published `*.lc.norm.tok.*` references of Multi30k from its raw text.

    Raises:
        ConfigError: Moses has no rules for this language, and would use those of English.
    """
    if protocol is Protocol.standard:
        return list(texts)
    from sacremoses import MosesPunctNormalizer, MosesTokenizer
    from sacremoses.corpus import NonbreakingPrefixes

    code, legal = base_language(language), NonbreakingPrefixes().available_langs
    if code not in legal:
        raise ConfigError(
            f"protocol: lowercased_tokenized has no rules for target language {language!r}; choose protocol=standard, "
            f"or one of the languages {', '.join(sorted(set(legal.values())))}"
        )
    normalizer, tokenizer = MosesPunctNormalizer(code), MosesTokenizer(code)
    lines = (normalizer.normalize(text.lower()) for text in texts)
    return [tokenizer.tokenize(line, escape=True, aggressive_dash_splits=False, return_str=True) for line in lines]
