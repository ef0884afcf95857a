"""What a pass of a training step does: its floating-point operations and bytes, by its shape."""

import enum
from dataclasses import dataclass
from typing import ClassVar

FLOAT_BYTES = 4
EXPONENTIAL_FLOPS = 10  # of one exponential: a polynomial of degree 5, and its range reduction
BACKWARD_FACTOR = 2.5  # products of the backward pass of attention, 5, to those of the forward, 2


class Group(enum.Enum):
    """What a pass is part of, as tables call it."""

    products = "products"
    attention = "attention"
    element_wise = "element-wise"
    dropout = "dropout"
    loss = "loss"
    optimizer = "optimizer"


@dataclass(frozen=True)
class Product:
    """A matrix product (m, k) x (k, n), with bias, gradient sum or scaling in its last write.

    Attributes:
        element: bytes of an element of all three matrices.
    """

    kind: ClassVar[str] = "product"
    m: int
    n: int
    k: int
    element: int

    @property
    def flops(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def bytes(self) -> float:
        return float(self.element * (self.m * self.k + self.k * self.n + self.m * self.n))


@dataclass(frozen=True)
class Attention:
    """Scaled dot-product attention of B rows and H heads in one kernel, without a weight stored.

    Attributes:
        rows: sentences B.
        queries, keys: positions T and S of each, padding included.
        kv_heads: heads of keys and values.
        causal: half of the weights are not computed.
        backward: the gradients of queries, keys and values, from the saved sums of exponentials.
    """

    kind: ClassVar[str] = "attention"
    rows: int
    queries: int
    keys: int
    heads: int
    kv_heads: int
    head_dim: int
    element: int
    causal: bool
    backward: bool

    @property
    def weights(self) -> float:
        """Weights that are computed."""
        whole = self.rows * self.heads * self.queries * self.keys
        return whole * (self.queries + 1) / (2 * self.queries) if self.causal else float(whole)

    @property
    def flops(self) -> float:
        products = 4 * self.head_dim * (BACKWARD_FACTOR if self.backward else 1)
        return self.weights * (products + EXPONENTIAL_FLOPS)

    @property
    def bytes(self) -> float:
        """Queries, keys, values and context; in the backward pass their gradients as well."""
        q = self.heads * self.queries
        kv = self.kv_heads * self.keys
        once = self.rows * self.head_dim * self.element * (2 * q + 2 * kv)
        return float(2 * once if self.backward else once)


@dataclass(frozen=True)
class Stream:
    """An element-wise pass that reads and writes so many bytes once, and is bound by them.

    Attributes:
        size: bytes read and written.
        operations: floating-point operations, which memory leaves time for.
    """

    kind: ClassVar[str] = "stream"
    size: int
    operations: int

    @property
    def flops(self) -> float:
        return float(self.operations)

    @property
    def bytes(self) -> float:
        return float(self.size)


@dataclass(frozen=True)
class Exponentials:
    """So many exponentials of numbers that are in the cache."""

    kind: ClassVar[str] = "exponentials"
    count: int

    @property
    def flops(self) -> float:
        return float(EXPONENTIAL_FLOPS * self.count)

    @property
    def bytes(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Draws:
    """So many random bytes, each for one decision of dropout."""

    kind: ClassVar[str] = "draws"
    count: int

    @property
    def flops(self) -> float:
        return 0.0

    @property
    def bytes(self) -> float:
        return float(self.count)


PassWork = Product | Attention | Stream | Exponentials | Draws


@dataclass(frozen=True)
class Pass:
    """A pass of a training step.

    Attributes:
        group: under which tables count it.
        count: how often it happens in the step; a part of one where several steps share it.
    """

    name: str
    group: Group
    work: PassWork
    count: float = 1.0

    @property
    def flops(self) -> float:
        return self.work.flops * self.count

    @property
    def bytes(self) -> float:
        return self.work.bytes * self.count
