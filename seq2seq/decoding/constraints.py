"""Which tokens a translation may continue with: lengths, forced prefixes and tokens that are never produced."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import UserError
from seq2seq.padding import Tokens

ANY = -1  # in a prefix: nothing is forced here
IMPOSSIBLE = float("-inf")


@dataclass
class Constraints:
    """What binds a batch of N sentences.

    Attributes:
        minimum: (N,) tokens before the sentence may end.
        limit: (N,) tokens at which it must end, at least minimum.
        prefix: (N, P) token ids that it begins with, then ANY.
        never: (.) ids that are never produced; a prefix may hold them.
        eos_id: the sentence end.
    """

    minimum: Tensor
    limit: Tensor
    prefix: Tensor
    never: Tensor
    eos_id: int

    @classmethod
    def of(
        cls,
        source: Tokens,
        config: DecodingConfig,
        *,
        max_target_length: int,
        prefix: Sequence[Sequence[int]] | None,
        never: Sequence[int],
        eos_id: int,
    ) -> "Constraints":
        """The constraints of a configuration on sources that end with the sentence end.

        Raises:
            UserError: a minimum or a prefix leaves no room within max_target_length.
        """
        device = source.ids.device
        lengths = (source.padding.lengths - 1).clamp(min=0).double()
        most = max_target_length - 1
        minimum = (lengths * config.min_length_ratio).ceil().long().clamp(min=config.min_length)
        refuse_beyond(minimum, most, "min_length and min_length_ratio ask")
        limit = (lengths * config.max_length_ratio).floor().long() + config.max_length_offset
        rows = [[]] * lengths.numel() if prefix is None else [list(row) for row in prefix]
        assert len(rows) == lengths.numel(), "one prefix a sentence"
        assert not any(eos_id in row for row in rows), (
            "a prefix is continued, so it does not hold the sentence end"
        )
        forced = Tokens.of(rows, pad_id=ANY).to(device)
        refuse_beyond(forced.padding.lengths, most, "a forced prefix asks")
        limit = limit.maximum(minimum).maximum(forced.padding.lengths).clamp(max=most)
        return cls(
            minimum,
            limit,
            forced.ids,
            torch.tensor(sorted(set(never)), device=device, dtype=torch.long),
            eos_id,
        )

    def apply(self, logits: Tensor, step: int, sentences: slice) -> None:
        """Write -inf over whatever may not follow `step` tokens.

        Args:
            logits: (n * hypotheses, V) of the n sentences of the slice, those of a sentence side by side.
        """
        grid = logits.view(self.minimum[sentences].numel(), -1, logits.size(1))
        forced = self.prefix[sentences, None, step : step + 1].expand(
            -1, grid.size(1), -1
        )  # (n, hypotheses, 1 or 0)
        token = forced.clamp(min=0)
        kept = grid.gather(2, token)
        grid.index_fill_(2, self.never, IMPOSSIBLE)
        grid[..., self.eos_id].masked_fill_((self.minimum[sentences] > step)[:, None], IMPOSSIBLE)
        if forced.numel():
            grid.masked_fill_(forced != ANY, IMPOSSIBLE)
            grid.scatter_(2, token, torch.where(forced != ANY, kept, grid.gather(2, token)))

    def ends(self, step: int) -> Tensor:
        """(N,) True where a translation of `step` tokens must end now."""
        return self.limit <= step

    def keep(self, sentences: Tensor) -> None:
        """Go on with these sentences alone."""
        self.minimum, self.limit, self.prefix = (
            x[sentences] for x in (self.minimum, self.limit, self.prefix)
        )


def refuse_beyond(lengths: Tensor, most: int, what: str) -> None:
    longest = int(lengths.max()) if lengths.numel() else 0
    if longest > most:
        raise UserError(
            f"{what} for {longest} subwords where the model produces at most {most}; ask for fewer, or train with a "
            f"greater model.max_target_length"
        )
