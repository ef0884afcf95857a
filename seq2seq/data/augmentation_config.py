"""Options of the augmentation of training pairs."""

from dataclasses import dataclass

from seq2seq.options import Options, Readers, number


@dataclass
class AugmentationConfig(Options):
    """Augmentation of the training pairs. Other splits are unchanged.

    BPE-dropout is drawn by (seed, epoch, row), the others once per run.

    Attributes:
        concatenate: concatenate 1 to N pairs into one example, the number drawn uniformly, so that
            a model of short sentences learns to read long ones (Kondo et al. 2021,
            arXiv:2104.08478). 1 concatenates none.
        shuffle_targets: the target sides of a concatenated example are in random order, so that
            position does not predict where a word comes from. For alignment; it costs translation
            quality.
        split_probability: probability of splitting a subword into two others of the vocabulary,
            applied recursively: the inverse view of BPE-dropout (Provilkov et al. 2020,
            arXiv:1910.13267). 0 splits none.
        split_samples: copies of each pair in an epoch, each split differently.
        bpe_dropout_source, bpe_dropout_target: probability of leaving out each possible merge while
            the words of that side are segmented anew in every epoch (Provilkov et al. 2020,
            arXiv:1910.13267, algorithm 1; 0.1 there). 0 keeps the subwords.
    """

    concatenate: int = number(1, at_least=1)
    shuffle_targets: bool = False
    split_probability: float = number(0.0, at_least=0, below=1)
    split_samples: int = number(1, at_least=1)
    bpe_dropout_source: float = number(0.0, at_least=0, below=1)
    bpe_dropout_target: float = number(0.0, at_least=0, below=1)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if self.split_probability > 0 and self.bpe_dropout:
            problems.append(
                f"split_probability: must be 0 with {self.bpe_dropout}, which joins again what was "
                "split; choose one of them"
            )
        return problems

    @property
    def bpe_dropout(self) -> str:
        """The first option of BPE-dropout that is above 0; empty without one."""
        names = ("bpe_dropout_source", "bpe_dropout_target")
        return next((name for name in names if getattr(self, name) > 0), "")

    def readers(self) -> Readers:
        splits = self.split_probability > 0
        return {
            "shuffle_targets": (self.concatenate > 1, "choose concatenate=4"),
            "split_samples": (splits, "choose split_probability=0.1"),
        }
