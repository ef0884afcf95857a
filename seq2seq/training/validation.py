"""Validation: loss, accuracy and scores of translations on the validation set."""

import logging
from collections.abc import Sequence

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor

from seq2seq import stopping
from seq2seq.data.batch import Batch
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.loader import EvaluationLoader
from seq2seq.data.prepare import Split
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig
from seq2seq.evaluation.examples import log_example, typical
from seq2seq.evaluation.translate import Translator
from seq2seq.metrics.score import Scorer
from seq2seq.model.transformer import Transformer
from seq2seq.training.memory import explaining_memory

logger = logging.getLogger(__name__)


class Validator:
    """Scores a model on a split, divided among processes, without randomness or state.

    Args:
        split: raw and encoded validation pairs; nothing is validated if it is empty.
        metrics: names of the metrics that score translations.
        bleu_lines: how many of the first sentences are translated; 0 for none.
    """

    def __init__(
        self,
        split: Split,
        tokenizers: Tokenizers,
        *,
        target_language: str,
        metrics: Sequence[str],
        batch: BatchConfig,
        bleu_lines: int,
        rank: int,
        world_size: int,
    ) -> None:
        self.loader = EvaluationLoader(split.encoded, batch, rank=rank, world_size=world_size)
        self.lines = split.pairs.source[:bleu_lines]
        self.references = split.pairs.target[:bleu_lines]
        self.tokenizers, self.scorer = tokenizers, Scorer(target_language, metrics)
        self.rank, self.world_size = rank, world_size
        self.empty = len(split.pairs) == 0
        if self.references:
            self.scorer.log_scoring(self.references)

    def __call__(self, model: Transformer, strategy: Strategy) -> dict[str, float]:
        """Values by name, the same on every rank.

        val/loss (nats per label, without smoothing), val/perplexity, val/accuracy, and val/NAME for
        each metric where sentences are translated.

        Raises:
            Stopped: a signal was received. Several processes, which must do the same, finish first.
        """
        if self.empty:
            return {}
        was_training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                metrics = self.losses(model, strategy)
                if self.lines:
                    metrics |= self.scores(model)
        finally:
            model.train(was_training)
        return metrics

    def safe_point(self) -> None:
        """Raise Stopped between two batches if a signal was received and no other rank waits."""
        if self.world_size == 1:
            stopping.raise_if_received()

    def losses(self, model: Transformer, strategy: Strategy) -> dict[str, float]:
        sums = torch.zeros(3, dtype=torch.float64)
        for batch in self.loader:
            self.safe_point()
            with explaining_memory(batch, "lower data.batch.max_tokens"):
                sums += self.batch_sums(model, batch)
        total, correct, labels = strategy.reduce(sums.to(model.device), reduce_op="sum").tolist()
        nll = total / labels
        return {
            "val/loss": nll,
            "val/perplexity": min(float(torch.tensor(nll).exp()), 1e9),
            "val/accuracy": correct / labels,
        }

    def batch_sums(self, model: Transformer, batch: Batch) -> Tensor:
        """Negative log-likelihood, correct labels and labels of a batch."""
        batch = batch.to(model.device)
        states, _ = model.decoder_states(batch.target, model.encode(batch.source))
        valid = batch.target.padding.valid()
        loss = model.output.loss(states[valid], batch.labels[valid], smoothing=0.0)
        return torch.tensor([float(loss.total), float(loss.correct), batch.target_tokens])

    def scores(self, model: Transformer) -> dict[str, float]:
        """Scores of greedy translations, one of which is logged.

        Each rank translates its share and scores all.
        """
        translator = Translator([model], self.tokenizers, DecodingConfig(beam_size=1, workers=1))
        lines = self.lines[self.rank :: self.world_size]
        translations = translator.translate(lines, progress=lambda count: self.safe_point())
        share = [translation.text for translation in translations]
        shares: list[list[str]] = [share]
        if self.world_size > 1:
            shares = [[] for _ in range(self.world_size)]
            torch.distributed.all_gather_object(shares, share)
        hypotheses = [
            shares[line % self.world_size][line // self.world_size]
            for line in range(len(self.lines))
        ]
        line = typical(self.references)
        log_example("sample", self.lines[line], hypotheses[line], self.references[line])
        scores = self.scorer.corpus(hypotheses, self.references)
        return {f"val/{name}": score.score for name, score in scores.items()}


def log_validation(step: int, metrics: dict[str, float], *, improved: bool) -> None:
    """Log the values of a validation."""
    facts = " | ".join(
        f"{name.removeprefix('val/')} {value:.4g}" for name, value in metrics.items()
    )
    mark = " (best so far)" if improved else ""
    logger.info("step %s: validation %s%s", f"{step:,}", facts, mark)
