"""Positions in the form that CTranslate2 reads: tables of vectors, and of biases by distance."""

import numpy as np
import torch

from seq2seq.engine.weights import Array, as_array
from seq2seq.model.embedding import Embedding
from seq2seq.position.base import LogitBias


@torch.inference_mode()
def position_table(embedding: Embedding, length: int) -> Array:
    """(length, D) that is added to the embeddings; zeros where the scheme adds nothing there."""
    if embedding.position is None:
        return np.zeros((length, embedding.table.embedding_dim), dtype=np.float32)
    positions = torch.arange(length, device=embedding.table.weight.device)
    return as_array(embedding.position(positions))


@torch.inference_mode()
def distance_table(bias: LogitBias, length: int, *, causal: bool) -> Array:
    """One row of biases (H) for each distance, in buckets of one distance each.

    CTranslate2's buckets are those of Raffel et al. 2020 (arXiv:1910.10683), section 2.1: of n
    buckets of one direction the first n / 2 hold one distance each. With n = 2 length no other is
    read by a sequence of this length.

    Returns:
        Causal (2 length, H), of distances towards the past; else (4 length, H), of distances
        towards the past and, from row 2 length on, towards the future.
    """
    distances = torch.arange(length, device=device_of(bias))
    here = torch.zeros_like(distances)
    past, future = as_array(bias(distances, here)), as_array(bias(here, distances))
    heads = past.shape[0]
    table = np.zeros((2 * length if causal else 4 * length, heads), dtype=np.float32)
    table[:length] = past.T
    if not causal:
        table[2 * length : 3 * length] = future.T
    return table


def device_of(bias: LogitBias) -> torch.device:
    """Where the parameters or buffers of a scheme are."""
    return next(iter([*bias.parameters(), *bias.buffers()])).device
