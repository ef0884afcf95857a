"""Tasks with one right answer; each shows that one role of attention works.

| task    | target                                                     | what it needs          |
|---------|------------------------------------------------------------|------------------------|
| reverse | the source in reverse order                                | all roles              |
| copy    | the source                                                 | cross-attention        |
| pointer | for each source symbol, the symbol at the position that it | encoder self-attention |
|         | names                                                      |                        |
| chain   | for each command, its result on the output before the last | decoder self-attention |

*Copy.* The source reaches the decoder through cross-attention only.

*Pointer.* Symbol s7 names position 7, and the output at t is the symbol at the position that symbol
t names: two look-ups, the second of which depends on the result of the first. One decoder layer
reads the source once. So a model with one decoder layer cannot do it without encoder
self-attention; with more decoder layers it can. Positions are absolute: a scheme that knows only
distances cannot do it either.

*Chain.* The source begins with LAG symbols, which are the first outputs; each later command
permutes the symbols, and the output at t is the result of command t on the output at t - LAG. The
decoder's input at t is the output at t - 1, which does not help. The encoder would have to compose
as many permutations as the sequence is long, which do not commute; a few layers cannot.

Where each output is a symbol of the source, that is its word alignment; in the task chain there is
none.
"""

import random
from collections.abc import Callable

from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.data.synthetic import COMMANDS, LAG, GeneratedConfig, GeneratedTask

SEQUENCES_VERSION = 2  # raise it when the same options give other sequences or links

Draw = Callable[[random.Random, int], tuple[list[str], list[str]]]


@CORPUS_READERS.register
class GeneratedReader(CorpusReader):
    name = "generated"

    def __init__(self, config: GeneratedConfig) -> None:
        self.config = config

    def identity(self) -> str:
        config = self.config
        sizes = (
            config.num_train,
            config.num_validation,
            config.num_test,
            config.min_length,
            config.max_length,
        )
        return repr(
            (
                "generated",
                SEQUENCES_VERSION,
                config.task.value,
                config.num_symbols,
                sizes,
                config.seed,
            )
        )

    def load(self) -> RawCorpus:
        """Test and validation are drawn first, so they do not depend on num_train."""
        config = self.config
        seen: set[str] = set()
        draw = self.task()
        splits = {}
        for name in ("test", "validation", "train"):
            randomness = random.Random(f"{config.seed} {name}")
            splits[name] = self.draw_split(getattr(config, f"num_{name}"), randomness, draw, seen)
        return RawCorpus(splits["train"], splits["validation"], splits["test"])

    def draw_split(
        self, count: int, randomness: random.Random, draw: Draw, seen: set[str]
    ) -> Pairs:
        """Pairs whose sources are none of those seen, and add to them."""
        pairs = Pairs(links=[] if self.config.has_links() else None)
        while len(pairs) < count:
            words = draw(
                randomness, randomness.randint(self.config.min_length, self.config.max_length)
            )
            source, target = map(" ".join, words)
            if source not in seen:
                seen.add(source)
                pairs.source.append(source)
                pairs.target.append(target)
                if pairs.links is not None:
                    pairs.links.append(links(self.config.task, words[0]))
        return pairs

    def task(self) -> Draw:
        """What draws one source and its target of a given length."""
        symbols = [f"s{number}" for number in range(1, self.config.num_symbols + 1)]
        match self.config.task:
            case GeneratedTask.reverse:
                return lambda randomness, length: reverse(randomness.choices(symbols, k=length))
            case GeneratedTask.copy:
                return lambda randomness, length: copy(randomness.choices(symbols, k=length))
            case GeneratedTask.pointer:
                return lambda randomness, length: pointer(
                    randomness.choices(symbols[:length], k=length)
                )
            case GeneratedTask.chain:
                rules = permutations(symbols, random.Random(f"{self.config.seed} rules"))
                return lambda randomness, length: chain(
                    randomness.choices(symbols, k=LAG)
                    + randomness.choices(COMMANDS, k=length - LAG),
                    rules,
                )


def reverse(source: list[str]) -> tuple[list[str], list[str]]:
    return source, source[::-1]


def copy(source: list[str]) -> tuple[list[str], list[str]]:
    return source, list(source)


def pointer(source: list[str]) -> tuple[list[str], list[str]]:
    """Positions count from 1, as the symbols do."""
    return source, [source[int(symbol[1:]) - 1] for symbol in source]


def chain(source: list[str], rules: dict[str, dict[str, str]]) -> tuple[list[str], list[str]]:
    target = source[:LAG]
    for command in source[LAG:]:
        target.append(rules[command][target[-LAG]])
    return source, target


def links(task: GeneratedTask, source: list[str]) -> str:
    """Which source symbol each output is, as Pharaoh text."""
    length = len(source)
    match task:
        case GeneratedTask.copy:
            origins = list(range(length))
        case GeneratedTask.reverse:
            origins = list(range(length - 1, -1, -1))
        case GeneratedTask.pointer:
            origins = [int(symbol[1:]) - 1 for symbol in source]
        case GeneratedTask.chain:
            raise AssertionError("an output of the chain is not a symbol of its source")
    return " ".join(f"{origin}-{position}" for position, origin in enumerate(origins))


def permutations(symbols: list[str], randomness: random.Random) -> dict[str, dict[str, str]]:
    """A permutation of the symbols for each command."""
    return {
        command: dict(zip(symbols, randomness.sample(symbols, len(symbols)), strict=True))
        for command in COMMANDS
    }
