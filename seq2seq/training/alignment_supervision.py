"""The loss that teaches one cross-attention head where each target word comes from.

For the target subwords t that have a link, with their links A_t spread evenly over the linked source subwords and a_t
the head's weights,

    loss = - sum_t sum_s A_ts log a_ts

Divided, like the translation loss, by the real target tokens of the whole step: what is minimised depends neither on
accumulation nor on the number of devices, and a target word without a link pulls at nothing.

Source: Garg et al. 2019, "Jointly Learning to Align and Translate with Transformer Models" (arXiv:1909.02074), section
3; Chen et al. 2016, "Guided Alignment Training for Topic-Aware NMT" (arXiv:1607.01628).
"""

import torch
from torch import Tensor

from seq2seq.attention.config import Role
from seq2seq.data.batch import SubwordLinks
from seq2seq.model.encoder import AttentionWeights, WeightsOf
from seq2seq.training.config import AlignmentSupervisionConfig

SMALLEST = 1e-12  # weights below count as this; a kernel's score may be zero, and its logarithm has no gradient there


def alignment_loss(weights: Tensor, links: SubwordLinks, *, use_input_row: bool) -> Tensor:
    """Cross entropy of the head's weights to the links in nats, summed over the target subwords that have one.

    Args:
        weights: (B, T, S) over decoder inputs, the sentence start first, and source positions.
        links: of the same batch.
        use_input_row: read the row where a target subword is the input, instead of the one before, which predicts it.
    """
    given = weights[links.rows, links.targets + int(use_input_row), links.sources].float()
    return -(links.shares * given.clamp(min=SMALLEST).log()).sum()


class AlignmentSupervision:
    """The loss of a run's configuration, and its sum since the last report.

    Args:
        num_layers: of the decoder.
    """

    def __init__(self, config: AlignmentSupervisionConfig, *, num_layers: int) -> None:
        self.config = config
        self.site = (Role.CROSS, config.layer % num_layers)
        self.totals = torch.zeros(2, dtype=torch.float64)  # loss, supervised target subwords

    @property
    def weights_of(self) -> WeightsOf:
        """What the model must return beside its states."""
        return frozenset({self.site})

    def loss(self, weights: AttentionWeights, links: SubwordLinks | None) -> Tensor:
        """What to add to the translation loss of a micro-batch: a sum over its tokens like that."""
        assert links is not None, "guided alignment needs a corpus with links"
        total = alignment_loss(
            weights[self.site][:, self.config.head], links, use_input_row=self.config.use_input_row
        )
        sums = torch.stack(
            [total.detach(), torch.tensor(float(links.num_targets), device=total.device)]
        )
        self.totals = self.totals.to(sums.device) + sums
        return self.config.weight * total

    def take_report(self) -> dict[str, float]:
        """Mean over supervised target subwords since the last report, before the weight."""
        loss, count = self.totals.tolist()
        self.totals = torch.zeros_like(self.totals)
        return {"train/alignment_loss": loss / max(count, 1.0)}

    def state(self) -> list[float]:
        """What a resumed run needs to report the same."""
        return [float(total) for total in self.totals]

    def load(self, state: list[float]) -> None:
        self.totals = torch.tensor(state, dtype=torch.float64)
