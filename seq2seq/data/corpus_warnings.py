"""What had better be known about a corpus before time is spent on it: what makes scores worse or less honest."""

from seq2seq.data.config import DataConfig
from seq2seq.data.corpus_files import Split
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizer import Tokenizer

SIDES = ("source", "target")
MANY_UNKNOWN = 0.001  # share of subwords that are <unk> above which it is said
MANY_DROPPED = 0.05  # share of training pairs


def corpus_warnings(
    config: DataConfig, train: Pairs, dropped: dict[str, int], held_out: dict[str, Split]
) -> list[str]:
    """A sentence for each thing worth knowing.

    Args:
        train: before filters. dropped: of it, by reason. held_out: validation and test set by name.
    """
    found = about_training(train, dropped)
    for name, split in held_out.items():
        found += about_held_out(name, split, train, config)
    return found


def about_training(train: Pairs, dropped: dict[str, int]) -> list[str]:
    found = []
    lost = sum(dropped.values())
    if lost > MANY_DROPPED * len(train):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)
        found.append(f"{lost:,} of {len(train):,} training pairs are left out: {reasons}")
    pairs = [
        pair for pair in zip(train.source, train.target, strict=True) if all(map(str.strip, pair))
    ]
    repeated = len(pairs) - len(set(pairs))
    if repeated and not dropped.get("duplicate"):
        found.append(
            f"{repeated:,} training pairs are repetitions; data.filters.drop_duplicates=true leaves them out"
        )
    return found


def about_held_out(name: str, split: Split, train: Pairs, config: DataConfig) -> list[str]:
    """What there is to say against a split that is scored."""
    if len(split) == 0:
        return [f"there is no {name} set"]
    found = []
    for side in SIDES:
        texts: list[str] = getattr(split.pairs, side)
        ids: list[list[int]] = getattr(split, side)
        known, longest = set(getattr(train, side)), getattr(config, f"max_{side}_length")
        counts = {
            "stand in training too, so scores flatter": sum(
                text in known for text in texts if text.strip()
            ),
            "are repetitions": len(texts) - len(set(texts)),
            "are empty": sum(not text.strip() for text in texts),
            f"are longer than data.max_{side}_length={longest}": sum(
                len(row) + 1 > longest for row in ids
            ),
        }
        found += [
            f"{count:,} {name} {side} sentences {what}" for what, count in counts.items() if count
        ]
        unknown, total = sum(row.count(Tokenizer.UNK_ID) for row in ids), sum(map(len, ids))
        if unknown > MANY_UNKNOWN * total:
            share = f"{unknown:,} of {total:,} {name} {side} subwords"
            found.append(
                f"{share} are <unk>; data.tokenizer.byte_fallback=true spells them instead"
            )
    return found
