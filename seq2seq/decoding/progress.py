"""Where a search stands: the hypotheses of the sentences that have not ended."""

from collections.abc import Callable

import torch
from torch import Tensor

from seq2seq.decoding.best_tokens import best_tokens
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.constraints import Constraints
from seq2seq.decoding.ensemble import Decoders, check_finite
from seq2seq.decoding.hypotheses import Hypothesis
from seq2seq.decoding.length_penalty import penalty

LOGITS_AT_ONCE = (
    1 << 19
)  # numbers: what a core's cache holds, and malloc reuses without asking for new pages
LEAVING = 8  # sentences leave together once they are one in so many, for the caches of all that stay are copied then
FEWEST_ROWS = 16  # matrix products of MKL round differently over fewer rows; more where they sum over 1,000 or more

Reader = Callable[[Tensor, Tensor, slice], tuple[Tensor, ...]]


class Progress:
    """N sentences with B hypotheses each, after the same number of steps: what every search reads and updates.

    Attributes:
        step: tokens that every hypothesis has.
        sentences: (N,) numbers of the sentences in the batch; those that ended leave in groups.
        done: (N,) True where a sentence has ended and only waits to leave.
        total: (N, B) log-probability of each hypothesis; -inf marks a slot without one.
        tokens: (N * B) the last token of each, those of a sentence side by side.
        history: (N * B, step) all of them.
        found: for each sentence of the batch, the hypotheses that ended, in the order found.
    """

    def __init__(
        self,
        decoders: Decoders,
        constraints: Constraints,
        config: DecodingConfig,
        *,
        bos_id: int,
        sentences: int,
    ) -> None:
        """Args: sentences: so many are asked for; what the decoders and constraints hold beyond is filling."""
        self.decoders, self.constraints, self.config = decoders, constraints, config
        limit = constraints.limit
        hypotheses = config.n_best if config.method is DecodingMethod.sampling else 1
        self.step = 0
        self.sentences = torch.arange(limit.numel(), device=limit.device)
        self.done = self.sentences >= sentences
        self.total = torch.zeros(limit.numel(), hypotheses, device=limit.device)
        self.tokens = torch.full((self.total.numel(),), bos_id, device=limit.device)
        self.history = self.tokens[:, None][:, :0]
        self.found: list[list[Hypothesis]] = [[] for _ in range(sentences)]
        if hypotheses > 1:
            decoders.reorder(self.sentences.repeat_interleave(hypotheses), None)

    @property
    def live(self) -> bool:
        return not bool(self.done.all())

    def predict(self, read: Reader) -> list[Tensor]:
        """Predict what may follow every hypothesis, some sentences at a time.

        Args:
            read: takes from the logits (P, V) of P hypotheses and their normaliser (P) what is to be kept, each tensor
                with P rows. Logits may be written in; a slice says which of the N * B hypotheses they are of.

        Returns:
            What was kept, (N * B, ...).
        """
        states = self.decoders.step(self.tokens)
        sentences, hypotheses = self.total.shape
        parts = -(-self.total.numel() * self.decoders.vocab_size // LOGITS_AT_ONCE)
        parts = max(min(parts, sentences // fewest_sentences(hypotheses)), 1)
        kept = []
        for part in range(parts):
            first, end = part * sentences // parts, (part + 1) * sentences // parts
            rows = slice(first * hypotheses, end * hypotheses)
            logits, normaliser = self.decoders.predict([each[rows] for each in states])
            check_finite(normaliser)
            self.constraints.apply(logits, self.step, slice(first, end))
            kept.append(read(logits, normaliser, rows))
        return [torch.cat(pieces) for pieces in zip(*kept, strict=True)]

    def continuations(self, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """How hypotheses may go on.

        Returns:
            Log-probabilities of the sentence end (N, B) and of the k likeliest other tokens (N, B, k), likeliest
            first, and these tokens (N, B, k).
        """

        def read(logits: Tensor, normaliser: Tensor, rows: slice) -> tuple[Tensor, ...]:
            end = logits[:, self.constraints.eos_id]
            ends = end - normaliser
            end.fill_(float("-inf"))
            values, tokens = best_tokens(logits, min(k, logits.size(1)))
            return ends, values - normaliser[:, None], tokens

        ends, values, tokens = self.predict(read)
        shape = self.total.shape
        return ends.view(shape), values.view(*shape, -1), tokens.view(*shape, -1)

    def finish(self, ending: Tensor, total: Tensor, chosen: Tensor) -> Tensor:
        """Take hypotheses over into `found`.

        Args:
            ending: (N, B) True for those that end here.
            total: (N, B) log-probability with the sentence end.
            chosen: (N, B) True where the search chose the end.

        Returns:
            (N, B) scores, -inf where nothing ended.
        """
        scores = total / penalty(total.new_tensor(self.step + 1), self.config)
        rows = ending.flatten().nonzero().squeeze(-1)
        if rows.numel():
            numbers = self.sentences[rows // total.size(1)].tolist()
            columns = [x.flatten()[rows].tolist() for x in (total, scores, chosen)]
            for number, tokens, *values in zip(
                numbers, self.history[rows].tolist(), *columns, strict=True
            ):
                self.found[number].append(Hypothesis(tokens, *values))
        return scores.masked_fill(~ending, float("-inf"))

    def advance(
        self, tokens: Tensor, total: Tensor, parents: Tensor | None = None
    ) -> Tensor | None:
        """Let every hypothesis take in a token, and let sentences that are done leave once they are many.

        Args:
            tokens, total: (N, B') of the new hypotheses.
            parents: (N, B') which of the B old ones each continues; None: its own.

        Returns:
            (N',) the sentences that stay, as rows of what was N long; None where all do.
        """
        stay = self.staying(tokens.size(1))
        if parents is not None or stay is not None:
            own = torch.arange(self.history.size(0), device=tokens.device).view(
                self.done.numel(), -1
            )
            rows = own if parents is None else own[:, :1] + parents
            if stay is not None:
                rows, tokens, total = rows[stay], tokens[stay], total[stay]
                self.sentences, self.done = self.sentences[stay], self.done[stay]
                self.constraints.keep(stay)
            self.history = self.history[rows.flatten()]
            if self.live:  # else nothing is decoded any more
                self.decoders.reorder(rows.flatten(), stay)
        self.total, self.tokens = total, tokens.flatten()
        self.history = torch.cat([self.history, self.tokens[:, None]], 1)
        self.step += 1
        return stay

    def staying(self, hypotheses: int) -> Tensor | None:
        """Rows of the sentences that go on, with enough others to fill up to FEWEST_ROWS; None if none should leave."""
        number = self.done.numel()
        size = max(number - int(self.done.sum()), min(fewest_sentences(hypotheses), number))
        if (number - size) * LEAVING < number:
            return None
        return self.done.sort(stable=True).indices[:size].sort().values


def fewest_sentences(hypotheses: int) -> int:
    """Sentences of so many hypotheses that make FEWEST_ROWS."""
    return -(-FEWEST_ROWS // hypotheses)
