"""The output projection: decoder states to logits, training loss and log-probabilities."""

import torch
from torch import Tensor, nn

from seq2seq.attention.modifiers import unit_rows
from seq2seq.attention.products import linear_map
from seq2seq.model.consistency import ConsistentLoss, Divergence, consistent_cross_entropy
from seq2seq.model.loss import Loss, smoothed_cross_entropy

ROWS_AT_ONCE = 512  # positions whose logits exist at a time; limits memory


class OutputProjection(nn.Linear):
    """states weight^T, the softmax's logits (Vaswani et al. 2017, section 3.4).

    Every use of the projection goes through the four methods, which read `weight` when they are
    called: a module put in its place, or a parametrization of `weight`, acts in training,
    validation, decoding and scoring.
    """

    def __init__(
        self,
        d_model: int,
        vocab_size: int,
        *,
        tied_to: nn.Embedding | None,
        fix_norm: bool = False,
    ) -> None:
        """A projection.

        Args:
            tied_to: table (V, D) whose weight is shared; None for a separate weight.
            fix_norm: project with rows of unit length; see `ModelConfig`.
        """
        super().__init__(d_model, vocab_size, bias=False)
        self.fix_norm = fix_norm
        if tied_to is None:
            nn.init.xavier_uniform_(self.weight)
        else:
            self.weight = tied_to.weight

    def forward(self, states: Tensor) -> Tensor:
        """Logits (..., V) of states (..., D)."""
        return linear_map(states, self.rows())

    def rows(self) -> Tensor:
        """(V, D): the weight, or its rows divided by their length."""
        return unit_rows(self.weight) if self.fix_norm else self.weight

    def loss(self, states: Tensor, labels: Tensor, *, smoothing: float) -> Loss:
        """Sums of the label-smoothed cross entropy; the logits of a whole batch never exist.

        Args:
            states: (N, D) of real positions only.
            labels: (N,) target ids.
            smoothing: between 0 and 1; see `smoothed_cross_entropy`.
        """
        return smoothed_cross_entropy(states, self.rows(), labels, smoothing=smoothing)

    def consistent_loss(
        self,
        states: Tensor,
        labels: Tensor,
        *,
        smoothing: float,
        divergence: Divergence,
        factor: float,
    ) -> ConsistentLoss:
        """Sums of the cross entropy of two predictions of each label and of their divergence.

        Args:
            states: (2 N, D) of real positions: of the first predictions, and then of the second.
            labels: (N,) target ids.
            smoothing, divergence, factor: see `consistent_cross_entropy`.
        """
        return consistent_cross_entropy(
            states,
            self.rows(),
            labels,
            smoothing=smoothing,
            divergence=divergence,
            factor=factor,
        )

    def log_probabilities(self, states: Tensor, labels: Tensor) -> Tensor:
        """log p (N,) of labels (N,) given states (N, D) of real positions, in float32."""
        parts = []
        for rows, label in zip(states.split(ROWS_AT_ONCE), labels.split(ROWS_AT_ONCE), strict=True):
            logits = self(rows).float()
            parts.append(logits.gather(1, label[:, None]).squeeze(1) - logits.logsumexp(-1))
        return torch.cat(parts)
