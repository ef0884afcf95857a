"""The state of a search: the hypotheses of the sentences that are not finished."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from seq2seq.decoding.best_tokens import best_tokens
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.constraints import Constraints
from seq2seq.decoding.ensemble import (
    MIN_ROWS,
    EnsembleState,
    ensure_finite_predictions,
    filled_up_sentences,
)
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.length_penalty import penalty
from seq2seq.padding import BOS_ID, EOS_ID

# Numbers; a product of few rows spends its time on arranging the weights, and larger memory than
# this, malloc gives back and fetches anew at every step.
LOGITS_AT_ONCE = 1 << 20


class Prediction(NamedTuple):
    """What may follow some of the hypotheses.

    Attributes:
        rows: the P hypotheses, of the N * B of a search.
        logits: (P, V), -inf where the constraints forbid a token; may be overwritten.
        normaliser: (P,), log p = logits - normaliser.
    """

    rows: slice
    logits: Tensor
    normaliser: Tensor


class SearchState:
    """N sentences with B hypotheses each, all of one length: what every search updates.

    Attributes:
        step: tokens that every hypothesis has.
        sentences: (N,) numbers of the sentences in the batch; finished ones leave in groups.
        done: (N,) True where a sentence is finished and waits to leave.
        total: (N, B) log-probability of each hypothesis; -inf marks an empty slot.
        tokens: (N * B,) the last token of each; those of a sentence lie side by side.
        history: (N * B, step) all tokens.
        finished: the finished hypotheses of each sentence of the batch, in order of their length.
    """

    def __init__(
        self,
        decoders: EnsembleState,
        constraints: Constraints,
        config: DecodingConfig,
        *,
        num_sentences: int,
    ) -> None:
        """Args: num_sentences: real ones; further rows are padding; see `EncodedSources`."""
        self.decoders, self.constraints, self.config = decoders, constraints, config
        limit = constraints.limit
        hypotheses = config.n_best if config.method is DecodingMethod.sampling else 1
        self.step = 0
        self.sentences = torch.arange(limit.numel(), device=limit.device)
        self.done = self.sentences >= num_sentences
        self.total = torch.zeros(limit.numel(), hypotheses, device=limit.device)
        self.tokens = torch.full((self.total.numel(),), BOS_ID, device=limit.device)
        self.history = self.tokens[:, None][:, :0]
        self.finished: list[list[Hypothesis]] = [[] for _ in range(num_sentences)]
        if hypotheses > 1:
            decoders.reorder(self.sentences[:, None].expand(-1, hypotheses), None)

    @property
    def live(self) -> bool:
        """True until every sentence is finished."""
        return not bool(self.done.all())

    def predictions(self) -> Iterator[Prediction]:
        """Predict the next token of every hypothesis, some sentences at a time."""
        states = self.decoders.step(self.tokens)
        sentences, hypotheses = self.total.shape
        parts = -(-self.total.numel() * self.decoders.vocab_size // LOGITS_AT_ONCE)
        parts = max(min(parts, sentences // min_sentences(hypotheses)), 1)
        for part in range(parts):
            first, end = part * sentences // parts, (part + 1) * sentences // parts
            rows = slice(first * hypotheses, end * hypotheses)
            logits, normaliser = self.decoders.predict([state[rows] for state in states])
            ensure_finite_predictions(normaliser)
            self.constraints.apply(logits, self.step, slice(first, end))
            yield Prediction(rows, logits, normaliser)

    def continuations(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """The best continuations of every hypothesis.

        Returns:
            Log-probabilities of the sentence end (N, B) and of the k most probable other tokens
            (N, B, k), in descending order, and these tokens (N, B, k).
        """
        parts = []
        for _, logits, normaliser in self.predictions():
            end_logits = logits[:, EOS_ID]
            ends = end_logits - normaliser
            end_logits.fill_(float("-inf"))
            values, tokens = best_tokens(logits, min(k, logits.size(1)))
            parts.append((ends, values - normaliser[:, None], tokens))
        ends, values, tokens = (
            column[0] if len(column) == 1 else torch.cat(column)
            for column in zip(*parts, strict=True)
        )
        shape = self.total.shape
        return ends.view(shape), values.view(*shape, -1), tokens.view(*shape, -1)

    def finish(
        self, ending: Tensor, total: Tensor, chosen: Tensor, *, above: Tensor | None = None
    ) -> Tensor:
        """Add hypotheses to `finished`.

        Args:
            ending: (N, B) True for those that end here.
            total: (N, B) log-probability with the sentence end.
            chosen: (N, B) True where the search chose the end, False where the limit forced it.
            above: (N,) hypotheses with a score that is not above it are left out; None keeps all.

        Returns:
            (N, B) scores, -inf where nothing ended.
        """
        scores = total / penalty(total.new_tensor(self.step + 1), self.config)
        kept = ending if above is None else ending & (scores > above[:, None])
        rows = kept.flatten().nonzero().squeeze(-1)
        if rows.numel():
            numbers = self.sentences[rows // total.size(1)].tolist()
            columns = [x.flatten()[rows].tolist() for x in (total, scores, chosen)]
            for number, tokens, *values in zip(
                numbers, self.history[rows].tolist(), *columns, strict=True
            ):
                self.finished[number].append(Hypothesis(tokens, *values))
        return scores.masked_fill(~ending, float("-inf"))

    def advance(
        self, tokens: Tensor, total: Tensor, parents: Tensor | None = None
    ) -> Tensor | None:
        """Append a token to every hypothesis; finished sentences leave if they are many.

        Args:
            tokens, total: (N, B') of the new hypotheses.
            parents: (N, B') the old hypothesis that each continues, of B; None: the same slot.

        Returns:
            (N',) the sentences that stay, as rows of the old N; None if all do.
        """
        stay = self._staying(tokens.size(1))
        if parents is not None or stay is not None:
            slots = torch.arange(self.history.size(0), device=tokens.device)
            slots = slots.view(self.done.numel(), -1)
            rows = slots if parents is None else slots[:, :1] + parents
            if stay is not None:
                rows, tokens, total = rows[stay], tokens[stay], total[stay]
                self.sentences, self.done = self.sentences[stay], self.done[stay]
                self.constraints.select(stay)
            self.history = self.history.index_select(0, rows.flatten())
            if self.live:
                self.decoders.reorder(rows, stay)
        self.total, self.tokens = total, tokens.flatten()
        self.history = torch.cat([self.history, self.tokens[:, None]], 1)
        self.step += 1
        return stay

    def _staying(self, hypotheses: int) -> Tensor | None:
        """Rows of the sentences that go on, filled up; None while few are finished.

        Compaction copies caches, so finished sentences leave in groups.
        """
        number = self.done.numel()
        live = number - int(self.done.sum())
        size = filled_up_sentences(max(live, min_sentences(hypotheses)))
        if size >= number:
            return None
        return self.done.sort(stable=True).indices[:size].sort().values


def min_sentences(hypotheses: int) -> int:
    """Number of sentences that take MIN_ROWS rows with this many hypotheses each."""
    return -(-MIN_ROWS // hypotheses)
