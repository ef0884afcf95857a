"""A look at a corpus before time is spent on it: what cannot be used, and what had better be known."""

from dataclasses import dataclass, field

import numpy as np

from seq2seq.data.column import Column
from seq2seq.data.config import DataConfig
from seq2seq.data.prepare import PreparedCorpus, Split, listed, prepare
from seq2seq.data.sampler import BatchPlan
from seq2seq.data.sources.base import Pairs, check, load_raw
from seq2seq.data.tokenizer import Tokenizer

SIDES = ("source", "target")
MANY_UNKNOWN = 0.001  # share of subwords that are <unk> above which a warning is due
MANY_DROPPED = 0.05  # share of training pairs


@dataclass
class CorpusReport:
    """What `check_corpus` found.

    Attributes:
        problems: why the corpus cannot be used, each as "data.option: what; what to do". If there are any, the rest is
            empty.
        warnings: what makes scores worse or less honest.
        facts: what there is, in words and figures.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


def check_corpus(config: DataConfig) -> CorpusReport:
    """Read, prepare and measure a corpus.

    Raises:
        DataError: the text cannot be read, fetched or tokenized; what `check` can find is in the report instead.
    """
    if problems := check(config):
        return CorpusReport(problems=problems)
    corpus = prepare(config)
    train = load_raw(config).train
    warnings = training_warnings(corpus, train)
    for name, split in (("validation", corpus.validation), ("test", corpus.test)):
        warnings += held_out_warnings(name, split, train, config)
    return CorpusReport(warnings=warnings, facts=facts(corpus, config))


def facts(corpus: PreparedCorpus, config: DataConfig) -> dict[str, str]:
    """Sizes, lengths, vocabularies and how well batches are filled."""
    manifest = corpus.manifest
    told = {
        f"{name} pairs": f"{count:,} (SHA-256 of the text {manifest['sha256'][name][:12]})"
        for name, count in manifest["pairs"].items()
    }
    told["dropped from training"] = listed(manifest["dropped"])
    lengths = [Column.of_dataset(corpus.train, side).lengths() + 1 for side in SIDES]
    for side, of_side in zip(SIDES, lengths, strict=True):
        most = np.quantile(of_side, 0.99)
        told[f"{side} length"] = (
            f"{of_side.mean():.1f} subwords with </s>, 99 % up to {most:.0f}, all to {of_side.max()}"
        )
        tokenizer: Tokenizer = getattr(corpus.tokenizers, side)
        told[f"{side} vocabulary"] = f"{tokenizer.vocab_size:,} pieces (SHA-256 {tokenizer.sha256[:12]})"
    plan = BatchPlan(lengths[0], lengths[1], config.batch)
    told["batches"] = f"{len(plan):,} an epoch, {plan.fill():.1%} filled, {len(plan.shapes())} shapes"
    return told


def training_warnings(corpus: PreparedCorpus, train: Pairs) -> list[str]:
    before, after = corpus.manifest["train_pairs_before_filters"], corpus.manifest["pairs"]["train"]
    warnings = []
    if before - after > MANY_DROPPED * before:
        warnings.append(
            f"{before - after:,} of {before:,} training pairs are left out: {listed(corpus.manifest['dropped'])}"
        )
    pairs = [pair for pair in zip(train.source, train.target, strict=True) if all(map(str.strip, pair))]
    repeated = len(pairs) - len(set(pairs))
    if repeated > 0 and not corpus.manifest["dropped"].get("duplicate"):
        warnings.append(
            f"{repeated:,} training pairs are repetitions; data.filters.drop_duplicates=true leaves them out"
        )
    return warnings


def held_out_warnings(name: str, split: Split, train: Pairs, config: DataConfig) -> list[str]:
    """What there is to say against a split that is scored."""
    if len(split) == 0:
        return [f"there is no {name} set"]
    warnings = []
    for side in SIDES:
        texts: list[str] = getattr(split.pairs, side)
        ids: list[list[int]] = getattr(split, side)
        known, longest = set(getattr(train, side)), getattr(config, f"max_{side}_length")
        unknown, total = sum(row.count(Tokenizer.UNK_ID) for row in ids), sum(map(len, ids))
        counts = {
            "stand in training too, so scores flatter": sum(text in known for text in texts if text.strip()),
            "are repetitions": len(texts) - len(set(texts)),
            "are empty": sum(not text.strip() for text in texts),
            f"are longer than data.max_{side}_length={longest}": sum(len(row) + 1 > longest for row in ids),
        }
        warnings += [f"{count:,} {name} {side} sentences {what}" for what, count in counts.items() if count]
        if unknown > MANY_UNKNOWN * total:
            share = f"{unknown:,} of {total:,} {name} {side} subwords"
            warnings.append(f"{share} are <unk>; data.tokenizer.byte_fallback=true spells them instead")
    return warnings
