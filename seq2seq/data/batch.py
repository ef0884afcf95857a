"""Micro-batches: padded sources and targets, labels, and what the loss is divided by."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.data.column import Column
from seq2seq.data.encoded import NULL_SOURCE, EncodedPairs
from seq2seq.padding import SourceBatch, Tokens


@dataclass(frozen=True)
class SubwordLinks:
    """The N distinct links of a batch, and its M null words; positions count from 0 in a sentence.

    Attributes:
        rows: (N,) int64, row in the batch.
        sources: (N,) int64, positions in the source.
        targets: (N,) int64, positions in the target: labels[row, target] is the subword.
        shares: (N,) float32, 1 / links of the target subword; they sum to one over its links.
        num_targets: target subwords that have a link.
        null_rows: (M,) int64, row in the batch of target subwords that translate nothing.
        null_targets: (M,) int64, their positions in the target.
    """

    rows: Tensor
    sources: Tensor
    targets: Tensor
    shares: Tensor
    num_targets: int
    null_rows: Tensor
    null_targets: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> "SubwordLinks":
        rows, sources, targets = (x.to(device) for x in (self.rows, self.sources, self.targets))
        nulls = self.null_rows.to(device), self.null_targets.to(device)
        return SubwordLinks(
            rows, sources, targets, self.shares.to(device), self.num_targets, *nulls
        )


@dataclass(frozen=True)
class Batch:
    """One micro-batch: B rows, padded to S source and T target positions.

    Attributes:
        source: (B, S) tokens, each row ending with </s>, or (B, S, F) frames.
        target: (B, T), the decoder's input: <s> and the target.
        labels: (B, T) int64, what it predicts: the target and </s>; PAD_ID where padded.
        indices: (B,) int64, row numbers in the split.
        target_tokens: labels that are not padding.
        step_target_tokens: the same over all micro-batches, of all ranks, of the optimizer step.
        links: word alignments between positions; None where the corpus has none.
    """

    source: SourceBatch
    target: Tokens
    labels: Tensor
    indices: Tensor
    target_tokens: int
    step_target_tokens: int
    links: SubwordLinks | None = None

    def __len__(self) -> int:
        return len(self.indices)

    def to(self, device: torch.device | str) -> "Batch":
        return Batch(
            self.source.to(device),
            self.target.to(device),
            self.labels.to(device),
            self.indices.to(device),
            self.target_tokens,
            self.step_target_tokens,
            None if self.links is None else self.links.to(device),
        )


def collate(
    pairs: EncodedPairs,
    rows: NDArray[np.int64],
    *,
    source_width: int | None = None,
    target_width: int | None = None,
    step_target_tokens: int | None = None,
) -> Batch:
    """Gather pairs into a padded batch.

    Args:
        rows: (B,) their numbers.
        source_width, target_width: pad to these, ends counted; None pads to the longest.
        step_target_tokens: None means that this batch is an optimizer step by itself.
    """
    ids, lengths = map(torch.from_numpy, pairs.target.gather(rows))
    labels = Tokens.with_end(ids, lengths, width=target_width)
    target_tokens = int(labels.padding.lengths.sum())
    return Batch(
        source=pairs.kind.pad(*pairs.source.gather(rows), source_width),
        target=labels.decoder_input(),
        labels=labels.ids,
        indices=torch.from_numpy(rows.astype(np.int64)),
        target_tokens=target_tokens,
        step_target_tokens=target_tokens if step_target_tokens is None else step_target_tokens,
        links=None if pairs.links is None else gather_links(pairs.links, rows),
    )


def gather_links(links: Column, rows: NDArray[np.int64]) -> SubwordLinks:
    """Distinct links of these rows, by target position and then by source position."""
    flat, lengths = links.gather(rows)
    pairs = flat.reshape(-1, 2).astype(np.int64)
    row_of = np.repeat(np.arange(len(rows)), lengths // 2)
    distinct = np.unique(np.column_stack([row_of, pairs[:, 1], pairs[:, 0]]), axis=0)
    is_null = distinct[:, 2] == NULL_SOURCE
    nulls, distinct = distinct[is_null, :2], distinct[~is_null]
    _, target_of, counts = np.unique(
        distinct[:, :2], axis=0, return_inverse=True, return_counts=True
    )
    shares = (1 / counts[target_of.reshape(-1)]).astype(np.float32)
    batch_rows, targets, sources = tensors(distinct)
    return SubwordLinks(
        batch_rows, sources, targets, torch.from_numpy(shares), len(counts), *tensors(nulls)
    )


def tensors(table: NDArray[np.int64]) -> Iterator[Tensor]:
    """Each column of a table."""
    return (torch.from_numpy(np.ascontiguousarray(column)) for column in table.T)
