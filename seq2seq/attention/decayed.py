"""Recurrences over a matrix that fades: whole sequences in chunks, single steps, plain formula.

With log decays g <= 0, and update strengths b where there are any, the matrix S of a key/value head
changes at position t by

    S <- diag(exp(g_t)) S,    S <- S + k_t u_t^T,    u_t = b_t (v_t - S^T k_t),  or v_t without b

and query t reads S^T q_t. In a chunk of C positions that begins with S_0, and with the sums
G_t = g_1 + ... + g_t from its beginning,

    S^T q_t = S_0^T (q_t exp(G_t)) + sum_(s <= t) (q_t exp(G_t - G_s)) . k_s u_s
    u = (I + A)^-1 (b v - b (k exp(G)) S_0),    A_ts = b_t (k_t exp(G_t - G_s)) . k_s for s < t

so that all chunks are computed at once, and only S_0 goes from chunk to chunk (Yang et al. 2024,
arXiv:2406.06484). exp(G_t - G_s) is a product of exponentials around the middle of the chunk's sum.
It overflows nowhere, since `log_decay` bounds g.

Shapes: B batch, T positions, G key/value heads, R = H / G, K head_dim, V width of values, n chunks.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.elementwise import sigmoid

MATRIX_CHUNK = 64
FASTEST = 2.0  # greatest -g: half a chunk multiplies by exp(-64) or more, well within float32


class Update(NamedTuple):
    """What positions do to the matrix.

    Attributes:
        k: keys (B, G, T, K); zeros write nothing.
        g: log decays (B, G, T, K), or (B, G, T, 1) for all dimensions; zeros leave what is there.
        b: update strengths (B, G, T, 1) between 0 and 1; None adds without replacing.
    """

    k: Tensor
    g: Tensor
    b: Tensor | None

    def only(self, real: Tensor) -> "Update":
        """Nothing where `real` (B, 1, T, 1) is False."""
        return self.each(lambda x: x * real)

    def each(self, function: Callable[[Tensor], Tensor]) -> "Update":
        """A function of each tensor."""
        return Update(
            function(self.k), function(self.g), None if self.b is None else function(self.b)
        )


class MatrixCache(AttentionCache):
    """The matrix (rows, G, K, V) in float32, whatever the length."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.length = 0

    @property
    def rows(self) -> int:
        return self.matrix.size(0)

    def read(self, q: Tensor, update: Update, v: Tensor) -> Tensor:
        """What queries (B, G, R, T, K) read (B, G, R, T, V); the next T positions enter."""
        self.length += q.size(-2)
        follow = one_step if q.size(-2) == 1 else scan
        read, self.matrix = follow(q, update, v, self.matrix)
        return read

    def reorder(self, rows: Tensor) -> None:
        self.matrix = self.matrix.index_select(0, rows)

    def nbytes(self) -> int:
        return self.matrix.nbytes


def log_decay(gate: Tensor) -> Tensor:
    """g between -FASTEST and 0 of the numbers of a gate."""
    return -FASTEST * sigmoid(gate)


def initial_decay(heads: int) -> Tensor:
    """Log decays (heads): log(1 - 2^(-5-h)) (Sun et al. 2023)."""
    return torch.log1p(-torch.exp2(-5.0 - torch.arange(heads)))


def gate_offset(heads: int) -> Tensor:
    """Numbers (heads, 1, 1) that a gate adds, so that a head begins with `initial_decay`."""
    return (-initial_decay(heads) / FASTEST).logit()[:, None, None]


def one_step(q: Tensor, update: Update, v: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """`scan` of one position by explicit sums, which do not depend on the rows of the batch."""
    key = update.k.mT  # (B, G, K, 1)
    matrix = update.g.exp().mT * matrix
    if update.b is not None:
        v = update.b * (v - (key * matrix).sum(-2, keepdim=True))
    matrix = matrix + key * v
    return (q.mT * matrix[:, :, None]).sum(-2, keepdim=True), matrix


def scan(q: Tensor, update: Update, v: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """What each query reads after its own position has entered, and the matrix at the end.

    Args:
        q: (B, G, R, T, K).
        v: (B, G, T, V).
        matrix: (B, G, K, V) before the first position.

    Returns:
        (B, G, R, T, V), and (B, G, K, V).
    """
    length, width = q.size(-2), v.size(-1)
    size = min(MATRIX_CHUNK, length)
    # (..., T, W) -> (..., n, C, W)
    q, k, v, g = (in_chunks(x, size) for x in (q, update.k, v, update.g))
    total = g.cumsum(-2)
    last = total[..., -1:, :]
    rise, fall = (total - last / 2).exp(), (last / 2 - total).exp()
    falling = (k * fall).mT
    inside = ((q * rise[:, :, None]) @ falling[:, :, None]).tril()
    reading = None
    if update.b is not None:
        b = in_chunks(update.b, size)
        earlier = ((b * k * rise) @ falling).tril(-1)
        both = torch.cat([b * v, b * k * total.exp()], dim=-1)
        solved = torch.linalg.solve_triangular(earlier, both, upper=False, unitriangular=True)
        v, reading = solved.split([width, k.size(-1)], dim=-1)
    writing = (k * (last - total).exp()).mT
    before, v, matrix = carried(matrix, last.exp().mT, writing, v, reading)
    read = (q * total.exp()[:, :, None]) @ before[:, :, None] + inside @ v[:, :, None]
    return read.flatten(3, 4)[:, :, :, :length], matrix


def carried(
    matrix: Tensor, decay: Tensor, writing: Tensor, v: Tensor, reading: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The matrix from chunk to chunk.

    Args:
        matrix: (B, G, K, V) before the first.
        decay: (B, G, n, K, 1) over each chunk, or (B, G, n, 1, 1).
        writing: keys (B, G, n, K, C) as they are left at the end of their chunk.
        v: what they write (B, G, n, C, V), but for `reading`.
        reading: (B, G, n, C, K), of which what is there is subtracted from v.

    Returns:
        The matrix before each chunk (B, G, n, K, V), what is written (B, G, n, C, V), and the
        matrix at the end.
    """
    before = []
    if reading is None:
        for decay_c, added in zip(decay.unbind(2), (writing @ v).unbind(2), strict=True):
            before.append(matrix)
            matrix = decay_c * matrix + added
        return torch.stack(before, dim=2), v, matrix
    written = []
    parts = (x.unbind(2) for x in (decay, writing, v, reading))
    for decay_c, writing_c, v_c, reading_c in zip(*parts, strict=True):
        before.append(matrix)
        written.append(v_c - reading_c @ matrix)
        matrix = decay_c * matrix + writing_c @ written[-1]
    return torch.stack(before, dim=2), torch.stack(written, dim=2), matrix


def in_chunks(x: Tensor, size: int) -> Tensor:
    """(..., T, W) to (..., n, C, W), with zeros after the end."""
    missing = -x.size(-2) % size
    padded = F.pad(x, (0, 0, 0, missing)) if missing else x
    chunks: Tensor = padded.unflatten(-2, (-1, size))
    return chunks


def plain_recurrence(q: Tensor, update: Update) -> Tensor:
    """Weights (B, H, T, S): what each query reads of values that are 1 at one position each.

    The recurrence, position by position, for queries (B, H, T, K) and an update of H heads.
    """
    values = torch.eye(q.size(2), dtype=q.dtype, device=q.device)
    matrix = q.new_zeros(*q.shape[:2], q.size(3), q.size(2))
    rows = []
    for t in range(q.size(2)):
        key, value = update.k[:, :, t, :, None], values[t]
        matrix = update.g[:, :, t].exp()[..., None] * matrix
        if update.b is not None:
            value = update.b[:, :, t, :, None] * (value - (key * matrix).sum(-2, keepdim=True))
        matrix = matrix + key * value
        rows.append((q[:, :, t, :, None] * matrix).sum(-2))
    return torch.stack(rows, dim=2)
