"""Which tokens a translation may continue with: lengths, forced prefixes and banned tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import UserError
from seq2seq.padding import EOS_ID, Tokens

ANY = -1  # in a prefix: no token is forced here
FORBIDDEN = float("-inf")


@dataclass
class Constraints:
    """The constraints on N sentences.

    Attributes:
        minimum: (N,) number of tokens before which a sentence may not end.
        limit: (N,) number of tokens at which it must end; at least the minimum.
        prefix: (N, P) forced token ids, then ANY.
        banned: (.) ids that are never produced, except in a prefix.
    """

    minimum: Tensor
    limit: Tensor
    prefix: Tensor
    banned: Tensor
    _last_minimum: int = field(init=False)

    def __post_init__(self) -> None:
        self._last_minimum = int(self.minimum.max()) if self.minimum.numel() else 0

    @classmethod
    def of(
        cls,
        lengths: Tensor,
        config: DecodingConfig,
        *,
        max_target_length: int,
        prefixes: Sequence[Sequence[int]] | None,
        banned_tokens: Sequence[int],
    ) -> "Constraints":
        """The constraints of a configuration on sources of these lengths (N,), without </s>.

        Raises:
            UserError: a minimum or a prefix leaves no room within max_target_length.
        """
        ratio_of = lengths.double()
        longest = max_target_length - 1
        minimum = (ratio_of * config.min_length_ratio).ceil().long().clamp(min=config.min_length)
        ensure_within(minimum, longest, "min_length and min_length_ratio require")
        limit = (ratio_of * config.max_length_ratio).floor().long() + config.max_length_offset
        rows = [[]] * lengths.numel() if prefixes is None else [list(row) for row in prefixes]
        assert len(rows) == lengths.numel(), "one prefix per sentence"
        assert not any(EOS_ID in row for row in rows), "a prefix is continued, so it has no </s>"
        forced = Tokens.of(rows, pad_id=ANY).to(lengths.device)
        ensure_within(forced.padding.lengths, longest, "a forced prefix has")
        limit = limit.maximum(minimum).maximum(forced.padding.lengths).clamp(max=longest)
        banned = torch.tensor(sorted(set(banned_tokens)), device=lengths.device, dtype=torch.long)
        return cls(minimum, limit, forced.ids, banned)

    def apply(self, logits: Tensor, step: int, sentences: slice) -> None:
        """Write -inf over the tokens that may not follow `step` tokens.

        Args:
            logits: (n * hypotheses, V) of the n sentences of the slice, those of a sentence side
                by side.
        """
        minimum = self.minimum[sentences]
        grid = logits.view(minimum.numel(), -1, logits.size(1))
        if step >= self.prefix.size(1):
            self._forbid(grid, minimum, step)
            return
        # (n, hypotheses, 1)
        forced = self.prefix[sentences, None, step : step + 1].expand(-1, grid.size(1), -1)
        token = forced.clamp(min=0)
        token_logits = grid.gather(2, token)
        self._forbid(grid, minimum, step)
        grid.masked_fill_(forced != ANY, FORBIDDEN)
        allowed = torch.where(forced != ANY, token_logits, grid.gather(2, token))
        grid.scatter_(2, token, allowed)

    def _forbid(self, grid: Tensor, minimum: Tensor, step: int) -> None:
        """Write -inf over banned tokens, and over the end of translations that are too short."""
        grid.index_fill_(2, self.banned, FORBIDDEN)
        if step < self._last_minimum:
            grid[..., EOS_ID].masked_fill_((minimum > step)[:, None], FORBIDDEN)

    def must_end(self, step: int) -> Tensor:
        """(N,) True where a translation of `step` tokens has reached its limit."""
        return self.limit <= step

    def select(self, sentences: Tensor) -> None:
        """Keep these sentences only."""
        self.minimum = self.minimum[sentences]
        self.limit = self.limit[sentences]
        self.prefix = self.prefix[sentences]


def ensure_within(lengths: Tensor, longest: int, subject: str) -> None:
    """Raise UserError where a required length exceeds what the model produces."""
    required = int(lengths.max()) if lengths.numel() else 0
    if required > longest:
        raise UserError(
            f"{subject} {required} subwords where the model produces at most {longest}; "
            "require fewer, or train with a greater model.max_target_length"
        )
