"""The auxiliary loss that trains one cross-attention head to match word alignments.

For the target subwords t that have a link, with A_t the uniform distribution over the source
subwords linked to t, and a_t the head's weights,

    loss = - sum_t sum_s A_ts log a_ts

Target subwords that are known to translate nothing are taught a null link, A_t0 = 1. Its weight
a_t0 is what their row lacks to one where the head has a sink, and elsewhere that of the sentence
end. Other target words without a link contribute nothing.

Source: Garg et al. 2019, "Jointly Learning to Align and Translate with Transformer Models"
(arXiv:1909.02074), section 3; Chen et al. 2016, "Guided Alignment Training for Topic-Aware NMT"
(arXiv:1607.01628).
"""

from torch import Tensor

from seq2seq.attention.config import Role
from seq2seq.data.batch import Batch, SubwordLinks
from seq2seq.model.encoder import AttentionWeights
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.supervision_config import AlignmentSupervisionConfig

MIN_WEIGHT = 1e-12  # a kernel's score may be zero, where the logarithm has no gradient


def alignment_loss(
    weights: Tensor, links: SubwordLinks, *, use_input_row: bool, ends: Tensor | None = None
) -> Tensor:
    """Cross entropy in nats of the head's weights with the links, summed over linked subwords.

    Args:
        weights: (B, T, S) over decoder inputs, the sentence start first, and source positions.
        links: of the same batch.
        ends: (B,) the position of each sentence end, which null words are taught; None teaches them
            what rows lack to one.
        use_input_row: take the row where a target subword is the decoder's input, instead of the
            one before it, which predicts the subword.
    """
    linked = weights[links.rows, links.targets + int(use_input_row), links.sources].float()
    loss = -(links.shares * linked.clamp(min=MIN_WEIGHT).log()).sum()
    rows = weights[links.null_rows, links.null_targets + int(use_input_row)].float()
    if ends is None:
        null = 1 - rows.sum(-1)
    else:
        null = rows.gather(1, ends[links.null_rows, None]).squeeze(1)
    return loss - null.clamp(min=MIN_WEIGHT).log().sum()


class AlignmentSupervision(AuxiliaryLoss):
    """The alignment loss of a run's configuration; reported as the mean over taught subwords.

    Args:
        num_layers: of the decoder.
        has_sink: of the head, which is then taught null links instead of the sentence end.
    """

    name = "alignment"

    def __init__(
        self, config: AlignmentSupervisionConfig, *, num_layers: int, has_sink: bool = False
    ) -> None:
        self.config = config
        self.weight = config.weight
        self.layer = (Role.CROSS, config.layer % num_layers)
        self.has_sink = has_sink
        self.weights_of = frozenset({self.layer})

    def __call__(
        self, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> tuple[Tensor, int]:
        assert batch.links is not None, "alignment supervision needs a corpus with links"
        head_weights = weights[self.layer][:, self.config.head]
        loss = alignment_loss(
            head_weights,
            batch.links,
            use_input_row=self.config.use_input_row,
            ends=None if self.has_sink else batch.source.padding.lengths - 1,
        )
        return loss, batch.links.num_targets + len(batch.links.null_rows)
