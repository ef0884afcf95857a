"""Pages with hostile sentences, in several scripts, and weights at known places of the matrix."""

from collections.abc import Iterator

import torch

from seq2seq.attention.config import Role, WeightKind
from seq2seq.metrics.score import Score, Scorer
from seq2seq.report.page import Layer, Page, Sentence, SentenceWeights

ATTACK = (
    "</script><script>window.broken=1</script><img src=x onerror=window.broken=1> "
    '"\' onmouseover="window.broken=1 <!--'
)
HEADS = 4
FULL = Layer("full", WeightKind.attention)

BANK = (
    "He sat on the bank of the river and watched the water .",
    "Se sentó en la orilla del río y miró el agua .",
    "Se sentó a la orilla del río y observó el agua .",
    {
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 4),
        (5, 5),
        (7, 6),
        (8, 7),
        (9, 8),
        (10, 9),
        (11, 10),
        (12, 11),
    },
)
ARABIC = (
    "جلس على ضفة النهر ونظر إلى الماء .",
    "He sat on the river bank and looked at the water .",
    "He sat .",
    {(0, 1)},
)
JAPANESE = (
    "彼は 川岸 に 座って 水 を 見て いた 。",
    "He sat on the bank and watched the water .",
    "He sat .",
    {(0, 0)},
)
MONEY = ("The bank lends money .", "El banco presta dinero .", "El banco presta dinero .", {(1, 1)})
LONG = (
    "A very long sentence that goes on and on so that its words need more than one line on any "
    "screen, however wide the window of the person who reads it may happen to be when the page is "
    "opened from the disk for the first time.",
    "Una frase muy larga que sigue y sigue de modo que sus palabras necesitan más de una línea en "
    "cualquier pantalla, por ancha que sea la ventana de quien la lee cuando la página se abre "
    "desde el disco por primera vez .",
    "Una frase muy larga .",
    {(place, place) for place in range(35)},
)
EMPTY: tuple[str, str, str, set[tuple[int, int]]] = ("", "", "", set())
TEXTS = [
    BANK,
    (ATTACK, f"{ATTACK} fin", ATTACK, {(0, 0), (1, 1)}),
    ARABIC,
    JAPANESE,
    MONEY,
    EMPTY,
    LONG,
]


def page(
    roles: dict[Role, list[Layer]] | None = None,
    *,
    copies: int = 1,
    with_attention: int | None = None,
) -> Page:
    sentences = [
        Sentence(
            source.split(),
            hypothesis,
            reference,
            frozenset(links),
            {"bleu": 10.0 * index, "chrf": 12.0 * index, "ter": 90.0 - index},
        )
        for _ in range(copies)
        for index, (source, hypothesis, reference, links) in enumerate(TEXTS)
    ]
    scores = {
        "bleu": Score(31.4, "nrefs:1|case:mixed"),
        "chrf": Score(56.2, "nc:6"),
        "ter": Score(48.9, "case:lc"),
    }
    return Page(
        title="tatoeba_en_es: test",
        description=f"en to es · {len(sentences):,} sentences",
        metrics=Scorer("es").metrics,
        scores=scores,
        roles=roles or {role: [FULL, FULL] for role in Role},
        num_heads=HEADS,
        sentences=sentences,
        with_attention=len(sentences) if with_attention is None else with_attention,
    )


def pieces(text: str) -> list[str]:
    """Words, in two pieces where they are long."""
    cut = [
        ("▁" + word, "") if len(word) < 7 else ("▁" + word[:4], word[4:]) for word in text.split()
    ]
    return [piece for pair in cut for piece in pair if piece]


def weights(of: Page) -> Iterator[tuple[int, SentenceWeights]]:
    """Weights of each sentence by its number.

    In head h of layer l each position has 0.75 of its weight h + l positions to its left.
    """
    drawn: dict[int, SentenceWeights] = {}
    for number, sentence in enumerate(of.sentences[: of.with_attention]):
        if sentence.source:
            key = number % len(TEXTS)
            if key not in drawn:
                drawn[key] = sentence_weights(
                    of, " ".join(sentence.source), sentence.hypothesis, seed=key
                )
            yield number, drawn[key]


def sentence_weights(of: Page, source: str, hypothesis: str, *, seed: int) -> SentenceWeights:
    read, written = [*pieces(source), "</s>"], pieces(hypothesis)
    sizes = {
        Role.ENCODER: (len(read), len(read)),
        Role.CAUSAL: (len(written) + 1, len(written) + 1),
        Role.CROSS: (len(written) + 1, len(read)),
    }
    generator = torch.Generator().manual_seed(seed)
    tables: dict[Role, torch.Tensor] = {}
    for role, (rows, columns) in sizes.items():
        layers = [
            index
            for index, layer in enumerate(of.roles[role])
            if layer.weights is not WeightKind.none
        ]
        readable = (
            torch.ones(rows, columns).tril() if role is Role.CAUSAL else torch.ones(rows, columns)
        )
        noise = (
            torch.rand(len(layers), of.num_heads, rows, columns, generator=generator) ** 6
            * readable
        )
        table = 0.25 * noise / noise.sum(-1, keepdim=True).clamp(min=1e-9)
        for place, layer in enumerate(layers):
            for head in range(of.num_heads):
                for row in range(rows):
                    table[place, head, row, looks_at(role, rows, columns, row, layer + head)] += (
                        0.75
                    )
        if layers:
            tables[role] = table
    return SentenceWeights(read, written, tables)


def looks_at(role: Role, rows: int, columns: int, row: int, back: int) -> int:
    same = row if role is not Role.CROSS else row * columns // rows
    return max(same - back, 0)
