"""Micro-batches: padded ids, what they are to predict, and what the loss is divided by."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seq2seq.data.column import Column
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.padding import Padding, Tokens


@dataclass(frozen=True)
class SubwordLinks:
    """The N linked pairs of subwords in a batch, each once; positions count from 0 within a sentence.

    Attributes:
        rows: (N,) int64, row in the batch.
        sources: (N,) int64, positions in the source.
        targets: (N,) int64, positions in the target: labels[row, target] is the subword.
        shares: (N,) float32, 1 / links of the target subword, so that those of a target subword sum to one.
        num_targets: target subwords that have a link.
    """

    rows: Tensor
    sources: Tensor
    targets: Tensor
    shares: Tensor
    num_targets: int

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> "SubwordLinks":
        rows, sources, targets = (x.to(device) for x in (self.rows, self.sources, self.targets))
        return SubwordLinks(rows, sources, targets, self.shares.to(device), self.num_targets)


@dataclass(frozen=True)
class Batch:
    """One micro-batch: B rows, padded to S source and T target positions.

    Attributes:
        source: (B, S), each row ends with </s>.
        target: (B, T), what the decoder reads: <s> and the target.
        labels: (B, T) int64, what it is to predict: the target and </s>; PAD_ID where padded.
        indices: (B,) int64, row numbers in the split.
        target_tokens: labels that are not padding.
        step_target_tokens: the same over all micro-batches, of all ranks, that make one optimizer step with this one.
        links: word alignments between subword positions; None where the corpus has none.
    """

    source: Tokens
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
    source: Column,
    target: Column,
    rows: NDArray[np.int64],
    *,
    source_width: int | None = None,
    target_width: int | None = None,
    step_target_tokens: int | None = None,
    links: Column | None = None,
) -> Batch:
    """Gather rows into a padded batch.

    Args:
        source, target: ids without special ids.
        rows: (B,) row numbers.
        source_width, target_width: pad to these, with </s> or <s> counted; None pads to the longest.
        step_target_tokens: None means that this batch is an optimizer step on its own.
        links: each row a flat list source, target, source, target, ...
    """
    source_ids, source_lengths = source.gather(rows)
    target_ids, target_lengths = target.gather(rows)
    eos = Tokenizer.EOS_ID
    labels, label_lengths = padded(target_ids, target_lengths, last=eos, width=target_width)
    encoder_ids, encoder_lengths = padded(source_ids, source_lengths, last=eos, width=source_width)
    decoder_ids = np.roll(labels, 1, axis=1)
    decoder_ids[:, 0] = Tokenizer.BOS_ID
    decoder_ids[decoder_ids == eos] = Tokenizer.PAD_ID
    target_tokens = int(label_lengths.sum())
    return Batch(
        source=tokens(encoder_ids, encoder_lengths),
        target=tokens(decoder_ids, label_lengths),
        labels=torch.from_numpy(labels),
        indices=torch.from_numpy(rows.astype(np.int64)),
        target_tokens=target_tokens,
        step_target_tokens=target_tokens if step_target_tokens is None else step_target_tokens,
        links=None if links is None else gather_links(links, rows),
    )


def padded(
    ids: NDArray[np.int32], lengths: NDArray[np.int64], *, last: int, width: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of ids, each followed by `last` and padding: (B, width), and the (B,) lengths that include `last`."""
    with_last = lengths + 1
    width = int(with_last.max()) if width is None else width
    assert with_last.max() <= width, "a row is longer than the width planned for it"
    grid = np.full((len(lengths), width), Tokenizer.PAD_ID, np.int64)
    places = np.arange(width)
    grid[places < lengths[:, None]] = ids
    grid[places == lengths[:, None]] = last
    return grid, with_last


def tokens(ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Tokens:
    return Tokens(torch.from_numpy(ids), Padding(torch.from_numpy(lengths), ids.shape[1]))


def gather_links(links: Column, rows: NDArray[np.int64]) -> SubwordLinks:
    """Links of some rows, by target position and then by source position; a repeated link counts once."""
    flat, lengths = links.gather(rows)
    pairs = flat.reshape(-1, 2).astype(np.int64)
    row_of = np.repeat(np.arange(len(rows)), lengths // 2)
    found = np.unique(np.column_stack([row_of, pairs[:, 1], pairs[:, 0]]), axis=0)
    _, target_of, counts = np.unique(found[:, :2], axis=0, return_inverse=True, return_counts=True)
    shares = (1 / counts[target_of.reshape(-1)]).astype(np.float32)
    batch_rows, targets, sources = (
        torch.from_numpy(np.ascontiguousarray(column)) for column in found.T
    )
    return SubwordLinks(batch_rows, sources, targets, torch.from_numpy(shares), len(counts))
