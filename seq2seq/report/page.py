"""What a report page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from seq2seq.alignment.links import Links
from seq2seq.attention.config import Role, WeightKind
from seq2seq.metrics.base import Metric
from seq2seq.metrics.score import Score


@dataclass(frozen=True)
class Layer:
    """The attention of a role in a layer: the mechanism's name and the weights it exports."""

    mechanism: str
    weights: WeightKind


@dataclass(frozen=True)
class Sentence:
    """A sentence pair with its translation.

    Attributes:
        source: its words, or other items that alignments link.
        links: (source word, translation word) pairs, counted from 0; a word of a translation is a
            run of non-space characters.
        scores: of the translation, by the metrics' names.
        caption: shown in the list instead of the source; empty shows its words.
    """

    source: Sequence[str]
    hypothesis: str
    reference: str
    links: Links
    scores: Mapping[str, float]
    caption: str = ""


@dataclass(frozen=True)
class Page:
    """The content of a page, except its attention weights.

    Attributes:
        title, description: plain text.
        metrics: of the scores, in the order of the page.
        scores: of the corpus, by the metrics' names.
        roles: the layers of every role, first to last.
        num_heads: in every layer.
        sentences: in the order of their files.
        with_attention: this many of the first sentences have weights, except empty lines.
        no_links: why no sentence has links; empty if some have.
        word: what a source consists of.
    """

    title: str
    description: str
    metrics: Sequence[Metric]
    scores: Mapping[str, Score]
    roles: Mapping[Role, Sequence[Layer]]
    num_heads: int
    sentences: Sequence[Sentence]
    with_attention: int
    no_links: str = ""
    word: str = "word"


@dataclass(frozen=True)
class SentenceWeights:
    """Attention over S source positions and T target subwords.

    Attributes:
        source_labels: S of them, that of a </s> included.
        target_subwords: T of them, without <s> and </s>.
        weights: of each role (layers, heads, queries, keys), for the layers that have weights:
            (.., S, S) in the encoder, (.., T + 1, T + 1) in the decoder, whose inputs are <s> and
            the translation, and (.., T + 1, S) in cross-attention. A role without such layers may
            be missing.
    """

    source_labels: Sequence[str]
    target_subwords: Sequence[str]
    weights: Mapping[Role, Tensor]
