"""Searches by CTranslate2 in place of the own search, and alignments from its attention."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from seq2seq.alignment.config import AlignmentConfig, Measure
from seq2seq.alignment.extract import token_rows
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.kinds.base import Item
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig, Engine
from seq2seq.decoding.ensemble import Ensemble
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.length_penalty import penalty
from seq2seq.decoding.search import score_targets
from seq2seq.engine.convert import alignment_heads
from seq2seq.engine.expressible import OR_USE_TORCH, expression_problems
from seq2seq.engine.search import CTranslate2Engine, EngineOptions, Found
from seq2seq.errors import ConfigError
from seq2seq.evaluation.align import Aligner, Alignment
from seq2seq.evaluation.encoded_line import EncodedLine
from seq2seq.evaluation.translation import TranslatedHypothesis, Translation
from seq2seq.model.transformer import Transformer

NO_PREFIXES = (
    "prefixes: must not be given with decoding.engine=ctranslate2, which scores what follows them "
    "only; leave them out, or choose decoding.engine=torch"
)


def engine_for(
    models: Sequence[Transformer],
    tokenizers: Tokenizers,
    config: DecodingConfig,
    aligner: Aligner | None,
    loaded: CTranslate2Engine | None = None,
) -> CTranslate2Engine | None:
    """The engine of a configuration; None for the own search.

    Args:
        loaded: of the same model, returned if its options are those of the configuration.

    Raises:
        MissingDependencyError: ctranslate2 is not installed.
        ConfigError: CTranslate2 cannot express the model, or compute in this quantization.
    """
    if config.engine is Engine.torch:
        return None
    if problems := list(engine_problems(models, tokenizers)):
        raise ConfigError(problems)
    alignment = AlignmentConfig() if aligner is None else aligner.config
    options = EngineOptions.of(config, alignment_heads(models[0], alignment))
    if loaded is not None and loaded.options == options:
        return loaded
    return CTranslate2Engine(models[0], tokenizers, options)


def engine_problems(models: Sequence[Transformer], tokenizers: Tokenizers) -> Iterator[str]:
    """Why CTranslate2 cannot translate with these models."""
    if len(models) > 1:
        yield (
            "decoding.engine: must be torch for an ensemble, not ctranslate2; "
            f"{OR_USE_TORCH}, or one run"
        )
    for model in models:
        if model.device.type != "cpu":
            yield (
                f"device: must be cpu with decoding.engine=ctranslate2, not {model.device.type}; "
                f"choose device=cpu, or {OR_USE_TORCH.removeprefix('choose ')}"
            )
        yield from expression_problems(model.config, tokenizers.source.name, remedy=OR_USE_TORCH)


class EngineSearch:
    """Searches for the translations of sources, and aligns them, by an engine.

    Args:
        ensemble: of the same model.
        aligner: of the translations; None for no alignments. It reads the engine's attention where
            that is right, and else lets the model read the translations once more.
    """

    def __init__(
        self,
        engine: CTranslate2Engine,
        ensemble: Ensemble,
        tokenizers: Tokenizers,
        config: DecodingConfig,
        aligner: Aligner | None,
    ) -> None:
        self.engine, self.ensemble, self.tokenizers = engine, ensemble, tokenizers
        self.config, self.aligner = config, aligner

    @property
    def reads_attention(self) -> bool:
        """Whether alignments come from CTranslate2's attention.

        It returns the mean weights of some heads of one layer. Of a beam search in a batch, the
        first row is that of another sentence (seen in 4.8.5), which the input rows leave out.
        """
        if self.aligner is None:
            return False
        alignment = self.aligner.config
        if alignment.all_layers or alignment.measure is not Measure.weights:
            return False
        return self.config.beam_size == 1 or alignment.use_input_row

    def translate(
        self,
        rows: Sequence[int],
        sources: Sequence[EncodedLine],
        items: Sequence[Item],
        translations: list[Translation],
        progress: Callable[[int], None],
    ) -> list[int]:
        """Translate some of the sources, and put each translation at its row.

        Args:
            rows: of the sources, the longest first.
            items: that the sources were encoded from.
            progress: called with the number of lines just finished.

        Returns:
            The rows that the own search has to search; see `CTranslate2Engine.search`.
        """
        costs = [(len(source.units) + 1) * self.config.hypotheses for source in sources]
        batches = batch_by_cost(
            rows, costs, self.config.batch_tokens, max_rows=self.config.batch_size
        )
        units = [[sources[row].units for row in batch] for batch in batches]
        searched = self.engine.search(units, self.config, weights=self.reads_attention)
        left: list[int] = []
        for batch, results in zip(batches, searched, strict=True):
            found = {row: x for row, x in zip(batch, results, strict=True) if x is not None}
            found |= self._scored({row: x for row, x in found.items() if x.cut_short}, sources)
            alignments = self._align(found, sources)
            lists = TranslatedHypothesis.lists_of(
                [x.hypotheses for x in found.values()], self.tokenizers.target
            )
            for row, n_best in zip(found, lists, strict=True):
                translations[row] = Translation(
                    str(items[row]), n_best, sources[row].cut, alignments.get(row)
                )
            left += [row for row in batch if row not in found]
            progress(len(found))
        return left

    def _scored(
        self, cut_short: Mapping[int, Found], sources: Sequence[EncodedLine]
    ) -> dict[int, Found]:
        """Results whose hypothesis the length limit ended, with its score by the model itself."""
        if not cut_short:
            return {}
        targets = [x.hypotheses[0].tokens for x in cut_short.values()]
        batch = self.tokenizers.source.batch([sources[row].units for row in cut_short])
        values = score_targets(self.ensemble, self.ensemble.encode(batch), targets)
        scored = {}
        for (row, result), tokens, of_tokens in zip(
            cut_short.items(), targets, values, strict=True
        ):
            total = float(of_tokens.sum())
            divisor = float(penalty(torch.tensor(float(len(of_tokens))), self.config))
            hypothesis = Hypothesis(tokens, total, total / divisor, finished=False)
            scored[row] = replace(result, hypotheses=[hypothesis])
        return scored

    def _align(
        self, found: Mapping[int, Found], sources: Sequence[EncodedLine]
    ) -> dict[int, Alignment]:
        """The alignment of the best hypothesis of each row, if there is an aligner."""
        aligner, target = self.aligner, self.tokenizers.target
        if aligner is None or not found:
            return {}
        best = {row: x.hypotheses[0].tokens for row, x in found.items()}
        lines = {row: EncodedLine(ids, target.words_of_ids(ids)) for row, ids in best.items()}
        if not self.reads_attention:
            read = [sources[row] for row in found]
            batch = self.tokenizers.source.batch([line.units for line in read])
            encoded = aligner.words.ensemble.encode(batch)
            return dict(zip(found, aligner.align(encoded, read, list(lines.values())), strict=True))
        by_input = aligner.config.use_input_row
        return {
            row: aligner.link(
                sources[row], lines[row], token_rows(x.attention(), use_input_row=by_input)
            )
            for row, x in found.items()
        }
