"""Searches by CTranslate2 whose results are those of `seq2seq.decoding.search`.

What differs between the two is bridged here:

    Lengths count the sentence end in both, if CTranslate2 returns it.
    CTranslate2 takes one length limit for a batch and leaves out the end of a hypothesis that
    reaches it. A batch is searched with the largest of its limits. A sentence of which a hypothesis
    reaches its own limit, or has no end, is handed back to be searched by the own engine. The
    others ended before their limits, as the last hypothesis to end is among the `beam_size` that
    are returned: fewer than these had ended before it. A greedy search has no others, so that its
    first tokens up to the limit are what the own engine finds; only their score is left open.
    Without a length penalty CTranslate2 stops once the best hypothesis has ended. That is right
    for it alone; with further ones a penalty of next to nothing makes it go on.
    CTranslate2 takes banned tokens out of the softmax, which would raise all other probabilities,
    so it is not told of them. A sentence of which a hypothesis has one is handed back as well. In
    the others they have next to no probability; where one is in the beam for some steps, the place
    that it takes is the only difference to the own search.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, LengthPenalty, Quantization
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.engine.convert import convert, vocabularies_of
from seq2seq.engine.package import ctranslate2_package
from seq2seq.engine.specification import AlignmentHeads
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import BOS_ID, EOS_ID, PAD_ID, UNK_ID

NEVER_PRODUCED = frozenset({PAD_ID, BOS_ID})  # tokens that are never produced
AT_ONCE = 32  # sentences that a thread computes together; faster than 128 and more
NO_EARLY_EXIT = 1e-30  # a power that leaves every length 1, and is not 0


@dataclass(frozen=True)
class EngineOptions:
    """What a loaded engine depends on; see `DecodingConfig`."""

    quantization: Quantization
    inter_threads: int
    intra_threads: int
    alignment: AlignmentHeads

    @classmethod
    def of(cls, config: DecodingConfig, alignment: AlignmentHeads) -> "EngineOptions":
        threads = torch.get_num_threads() // config.intra_threads
        inter_threads = config.inter_threads or max(threads, 1)
        return cls(config.quantization, inter_threads, config.intra_threads, alignment)


@dataclass(frozen=True)
class Found:
    """What a search found for a sentence.

    Attributes:
        hypotheses: the n best, best first.
        cut_short: the only hypothesis is ended by its length limit, and its score is unknown (NaN):
            CTranslate2 does not tell the probability of the end there.
        weights: (T + 1, S) cross-attention of the best, as CTranslate2 returns it; None unless
            asked for.
    """

    hypotheses: list[Hypothesis]
    weights: list[list[float]] | None
    cut_short: bool = False

    def attention(self) -> Tensor:
        """The weights (T + 1, S) over decoder inputs, <s> first."""
        assert self.weights is not None, "weights were asked for"
        return torch.tensor(self.weights)


class CTranslate2Engine:
    """A model in CTranslate2's memory, converted by way of a temporary folder.

    Args:
        model: on the CPU; the engine does not see later changes to it.

    Raises:
        MissingDependencyError: ctranslate2 is not installed.
        ConfigError: the processor cannot compute in this quantization, or `convert` refuses.
        OSError: there is no room for the temporary folder.
    """

    def __init__(self, model: Transformer, tokenizers: Tokenizers, options: EngineOptions) -> None:
        ctranslate2 = ctranslate2_package()
        able = ctranslate2.get_supported_compute_types("cpu")
        if options.quantization.value not in able:
            raise ConfigError(
                f"decoding.quantization: must be one of {', '.join(sorted(able))} on this "
                f"processor, not {options.quantization.value}; choose float32 or int8"
            )
        self.options, self.longest = options, model.config.max_target_length - 1
        vocabularies = vocabularies_of(tokenizers)
        self.source, self.target = list(vocabularies.source), list(vocabularies.target)
        self.never = {self.target[index] for index in NEVER_PRODUCED}
        self.ids = {token: number for number, token in enumerate(self.target)}
        with tempfile.TemporaryDirectory(prefix="seq2seq-ctranslate2-") as folder:
            convert(
                model,
                tokenizers,
                Path(folder),
                quantization=options.quantization,
                alignment=options.alignment,
                add_source_end=False,
            )
            self._translator = ctranslate2.Translator(
                folder,
                device="cpu",
                compute_type=options.quantization.value,
                inter_threads=options.inter_threads,
                intra_threads=options.intra_threads,
                max_queued_batches=-1,
            )

    def search(
        self, batches: Sequence[Sequence[Sequence[int]]], config: DecodingConfig, *, weights: bool
    ) -> Iterator[list[Found | None]]:
        """Search for translations of batches of sources, several batches at the same time.

        Args:
            batches: ids of sources, without </s>; none is empty.
            weights: also return attention weights.

        Yields:
            For each batch, in order, what was found for each source. None for a source that the
            own engine has to search: a hypothesis has a banned token, a score that is not finite,
            or reached its length limit in a beam.
        """
        self._ensure_beam(config.beam_size)
        limits = [[self._limit(len(source), config) for source in batch] for batch in batches]
        running = [
            self._start(batch, bounds, config, weights)
            for batch, bounds in zip(batches, limits, strict=True)
        ]
        for bounds, results in zip(limits, running, strict=True):
            yield [
                self._found(result.result(), limit, config, weights)
                for limit, result in zip(bounds, results, strict=True)
            ]

    def _ensure_beam(self, beam_size: int) -> None:
        """Raise ConfigError where a step may have fewer continuations than CTranslate2 takes."""
        largest = len(self.target) // 2
        if beam_size > largest:
            raise ConfigError(
                f"decoding.beam_size: must be at most {largest}, half of the vocabulary, with "
                f"engine=ctranslate2, not {beam_size}; choose fewer, or decoding.engine=torch"
            )

    def _limit(self, length: int, config: DecodingConfig) -> int:
        """Tokens at which a translation must end, as in `seq2seq.decoding.constraints`."""
        limit = math.floor(length * config.max_length_ratio) + config.max_length_offset
        return min(limit, self.longest)

    def _start(
        self,
        batch: Sequence[Sequence[int]],
        limits: Sequence[int],
        config: DecodingConfig,
        weights: bool,
    ) -> list[Any]:
        """Hand a batch to the threads; the results are waited for later."""
        end = self.source[EOS_ID]
        one_limit = min(limits) == max(limits)
        alpha = config.alpha if config.length_penalty is LengthPenalty.average else 0.0
        started: list[Any] = self._translator.translate_batch(
            [[*map(self.source.__getitem__, source), end] for source in batch],
            max_batch_size=AT_ONCE,
            asynchronous=True,
            beam_size=config.beam_size,
            num_hypotheses=config.n_best if one_limit else config.beam_size,
            length_penalty=alpha or NO_EARLY_EXIT,
            max_input_length=0,
            max_decoding_length=max(limits) + 1,
            min_decoding_length=0,
            return_end_token=True,
            return_scores=True,
            return_attention=weights,
        )
        return started

    def _found(
        self, result: Any, limit: int, config: DecodingConfig, weights: bool
    ) -> Found | None:
        """The hypotheses of a result; None where one cannot be as by the own search."""
        end = self.target[EOS_ID]
        banned = self.never if config.allow_unknown else self.never | {self.target[UNK_ID]}
        average = config.length_penalty is LengthPenalty.average
        found = list(zip(result.hypotheses, result.scores, strict=True))
        longest = limit  # with the end, so that none is reached in the beam
        if config.beam_size == 1:
            longest = limit + 1
            if end not in found[0][0][:longest]:
                return self._cut_short(result, limit, banned, weights)
        for tokens, score in found:
            if tokens[-1:] != [end] or len(tokens) > longest or not math.isfinite(score):
                return None
            if not banned.isdisjoint(tokens):
                return None
        hypotheses = []
        for tokens, score in found[: config.n_best]:
            total = score * len(tokens) ** config.alpha if average else score
            ids = list(map(self.ids.__getitem__, tokens[:-1]))
            hypotheses.append(Hypothesis(ids, total, score, finished=True))
        return Found(hypotheses, result.attention[0] if weights else None)

    def _cut_short(self, result: Any, limit: int, banned: set[str], weights: bool) -> Found | None:
        """A greedy translation up to its limit; None where a banned token is in it."""
        tokens = result.hypotheses[0][:limit]
        if len(tokens) < limit or not banned.isdisjoint(tokens):
            return None
        ids = list(map(self.ids.__getitem__, tokens))
        hypothesis = Hypothesis(ids, math.nan, math.nan, finished=False)
        rows = result.attention[0][: limit + 1] if weights else None
        return Found([hypothesis], rows, cut_short=True)
