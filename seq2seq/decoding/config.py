"""Options of the search for translations. Imports no torch."""

import enum
from dataclasses import dataclass, fields

from seq2seq.options import LARGEST_SEED, Options, Readers, in_range, number


class DecodingMethod(enum.Enum):
    beam = "beam"  # the likeliest translations; greedy search is beam_size 1
    sampling = "sampling"  # random translations


class LengthPenalty(enum.Enum):
    """Divisor of the log-probability of a hypothesis; `length_penalty.py` has the formulas."""

    none = "none"
    average = "average"
    gnmt = "gnmt"


class Engine(enum.Enum):
    """What searches: this package with torch, or CTranslate2 with the same weights."""

    torch = "torch"
    ctranslate2 = "ctranslate2"


class Quantization(enum.Enum):
    """The numbers that CTranslate2 stores matrices in, and computes with where it can."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"
    int16 = "int16"
    int8 = "int8"
    int8_float16 = "int8_float16"
    int8_bfloat16 = "int8_bfloat16"


# Options that both engines honour; every other one is refused with engine=ctranslate2.
OF_BOTH_ENGINES = (
    *("engine", "quantization", "inter_threads", "intra_threads", "batch_size", "batch_tokens"),
    *("method", "beam_size", "n_best", "length_penalty", "alpha", "allow_unknown"),
    *("max_length_ratio", "max_length_offset"),
)
USE_TORCH = "choose engine=torch"


@dataclass
class DecodingConfig(Options):
    """Options of `seq2seq.decoding.search`. Lengths are in subwords, without the sentence end.

    Attributes:
        method: beam search or sampling.
        beam_size: hypotheses kept for each sentence by beam search; 1 is greedy search.
        n_best: translations returned for each sentence: at most beam_size by beam search, any
            number by sampling.
        length_penalty: what log-probabilities of hypotheses are divided by before they are
            compared: nothing, a power of the length (average), or that of Wu et al. 2016 (gnmt).
        alpha: strength of the length penalty; larger values favour longer hypotheses.
        max_length_ratio, max_length_offset: the maximum length is ratio * source length + offset,
            and never more than model.max_target_length allows.
        min_length: minimum length. It has precedence over max_length_ratio and max_length_offset,
            but not over model.max_target_length.
        min_length_ratio: minimum length divided by the source length; see min_length.
        temperature: of sampling: logits are divided by it, so values below 1 favour likely tokens.
        top_k: sample among this number of likeliest tokens; null for all.
        top_p: sample among the fewest likeliest tokens whose probabilities sum to this value; 1
            for all.
        seed: of sampling. The sample for a sentence depends only on it and on the number of the
            sentence.
        allow_unknown: allow <unk> in translations.
        segmentations: segmentations of each source that are translated, the first being the
            tokenizer's own; the best-scored translation is returned. For models that were trained
            with BPE-dropout; costs that many times the decoding.
        segmentation_dropout: probability of leaving out each possible merge in the others. What is
            drawn is a function of the source alone.
        batch_size: maximum number of sentences decoded together; changes the speed only.
        batch_tokens: maximum of source subwords times hypotheses decoded together; changes the
            speed only.
        workers: processes of one thread that translate batches at the same time, on CPUs; 1 for
            this process with all its threads, null for one for each of its threads where that is
            safe and there are several batches. Changes the speed only.
        engine: what searches: torch (this package), or ctranslate2 for the models and options that
            it can express.
        quantization: of the weights by engine=ctranslate2: float32, or int8 for instance.
        inter_threads: batches that engine=ctranslate2 translates at the same time; null for as many
            as fill the threads that torch would use.
        intra_threads: threads of each of these batches.
    """

    method: DecodingMethod = DecodingMethod.beam
    beam_size: int = number(5, at_least=1, at_most=1_000)
    n_best: int = number(1, at_least=1)
    length_penalty: LengthPenalty = LengthPenalty.average
    alpha: float = number(1.0, at_least=0, at_most=5)
    max_length_ratio: float = number(2.0, at_least=0)
    max_length_offset: int = number(20, at_least=0)
    min_length: int = number(0, at_least=0)
    min_length_ratio: float = number(0.0, at_least=0)
    temperature: float = number(1.0, at_least=1e-6)
    top_k: int | None = number(None, at_least=1)
    top_p: float = number(1.0, above=0, at_most=1)
    seed: int = number(1, at_least=0, at_most=LARGEST_SEED)
    allow_unknown: bool = False
    segmentations: int = number(1, at_least=1, at_most=100)
    segmentation_dropout: float = number(0.1, above=0, below=1)
    batch_size: int = number(256, at_least=1)
    batch_tokens: int = number(16_384, at_least=1)
    workers: int | None = number(None, at_least=1, at_most=1_000)
    engine: Engine = Engine.torch
    quantization: Quantization = Quantization.float32
    inter_threads: int | None = number(None, at_least=1, at_most=1_024)
    intra_threads: int = number(1, at_least=1, at_most=1_024)

    @property
    def hypotheses(self) -> int:
        """Rows of the decoder that one sentence takes."""
        return self.n_best if self.method is DecodingMethod.sampling else self.beam_size

    def problems(self) -> list[str]:
        problems = list(super().problems())
        is_beam = self.method is DecodingMethod.beam
        if is_beam and in_range(self, "n_best", "beam_size") and self.n_best > self.beam_size:
            problems.append(
                f"n_best: must be at most beam_size={self.beam_size}, not {self.n_best}; choose a "
                "larger beam_size"
            )
        if self.max_length_ratio == 0 and self.max_length_offset == 0:
            problems.append(
                "max_length_offset: must be at least 1 with max_length_ratio=0, not 0; choose 20"
            )
        if self.engine is Engine.ctranslate2:
            problems += self._engine_problems()
        return problems

    def _engine_problems(self) -> list[str]:
        """Options that CTranslate2 cannot honour.

        It renormalises over the tokens that it may produce, so that a minimum length, which bans
        likely ends, would change the scores.
        """
        unread = [name for name, (is_read, _) in self.readers().items() if not is_read]
        needed = {"workers": 1}  # which means the same as its default
        problems = [
            f"{item.name}: must be {needed.get(item.name, item.default)} with engine=ctranslate2, "
            f"not {getattr(self, item.name)}; {USE_TORCH}"
            for item in fields(self)
            if item.name not in (*OF_BOTH_ENGINES, *unread)
            and getattr(self, item.name) not in (item.default, needed.get(item.name))
        ]
        if self.method is not DecodingMethod.beam:
            problems.append(
                f"method: must be beam with engine=ctranslate2, not {self.method.value}, whose "
                f"samples would depend on the batch; {USE_TORCH}"
            )
        if self.length_penalty is LengthPenalty.gnmt:
            problems.append(
                "length_penalty: must be average or none with engine=ctranslate2, not gnmt; "
                f"{USE_TORCH}"
            )
        return problems

    def readers(self) -> Readers:
        sampling = (self.method is DecodingMethod.sampling, "choose method=sampling")
        beam = (self.method is DecodingMethod.beam, "choose method=beam")
        penalty = self.length_penalty is not LengthPenalty.none
        engine = (self.engine is Engine.ctranslate2, "choose engine=ctranslate2")
        return {
            **dict.fromkeys(("temperature", "top_k", "top_p", "seed"), sampling),
            **dict.fromkeys(("beam_size", "segmentations"), beam),
            "segmentation_dropout": (self.segmentations > 1, "choose segmentations=4"),
            "alpha": (penalty, "choose length_penalty=average or length_penalty=gnmt"),
            **dict.fromkeys(("quantization", "inter_threads", "intra_threads"), engine),
        }
