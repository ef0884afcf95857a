"""What all contestants of the training benchmark do: sizes, and the corpus as files.

Peers get the pairs that this project trains on, already cut into subwords: the same ids, as
numbers and as the words `t4`, `t5` and so on, which no toolkit cuts or normalises further.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.config.alignment_rules import supervision_kind
from seq2seq.config.schema import RunConfig
from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.config import NUM_SPECIALS, SPECIAL_TOKENS, DataConfig
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig, TiedEmbeddings
from seq2seq.training.config import Export
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig
from seq2seq.training.supervision_config import SupervisionKind

if TYPE_CHECKING:
    from seq2seq.data.prepare import PreparedCorpus

NUM_HELD_OUT = 100  # pairs for toolkits that insist on a validation set
SIZES = ("d_model", "num_heads", "d_ff", "dropout", "max_source_length", "max_target_length")
NUMBERS = (
    *("learning_rate", "beta1", "beta2", "epsilon"),
    *("weight_decay", "label_smoothing", "clip_norm"),
)  # of AdamW and the loss, which make no step slower
CORPUS_OPTIONS = frozenset(item.name for item in fields(DataConfig)) - {
    *("name", "source_language", "target_language", "reverse", "cache_dir", "verify"),
    *("max_source_length", "max_target_length", "limit_train", "tokenizer", "filters"),
    *("augmentation", "batch"),
}  # of every corpus, which make other training pairs of the same text


@dataclass(frozen=True)
class Workload:
    """A training of so many steps, as the JSON that peers read.

    Attributes:
        corpus: folder of the files that `export_corpus` writes.
        max_tokens: of a batch: the larger of rows * source width and rows * target width.
        max_length: positions of either side, with the sentence end.
        warmup: steps before time is taken.
        steps: that are timed.
        bf16: products in bfloat16, by autocast.
    """

    corpus: str
    vocab_size: int
    d_model: int
    d_ff: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    dropout: float
    label_smoothing: float
    learning_rate: float
    max_tokens: int
    max_length: int
    warmup: int
    steps: int
    threads: int
    seed: int
    bf16: bool = False
    pad_id: int = SPECIAL_TOKENS.index("<pad>")
    bos_id: int = SPECIAL_TOKENS.index("<s>")
    eos_id: int = SPECIAL_TOKENS.index("</s>")

    @classmethod
    def of(
        cls, config: RunConfig, folder: Path, *, vocab_size: int, warmup: int, steps: int,
        threads: int,
    ) -> "Workload":  # fmt: skip
        """The workload of a run's configuration, with its corpus in a folder."""
        model = config.model
        return cls(
            corpus=str(folder),
            vocab_size=vocab_size,
            d_model=model.d_model,
            d_ff=model.d_ff,
            heads=model.num_heads,
            encoder_layers=model.encoder.num_layers,
            decoder_layers=model.decoder.num_layers,
            dropout=model.dropout,
            label_smoothing=config.optimizer.label_smoothing,
            learning_rate=config.optimizer.learning_rate,
            max_tokens=config.data.batch.max_tokens,
            max_length=max(config.data.max_source_length, config.data.max_target_length),
            warmup=warmup,
            steps=steps,
            threads=threads,
            seed=config.seed,
        )

    def save(self, path: Path) -> None:
        """Write it for a process of a peer."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def plain_problems(config: RunConfig) -> Iterator[str]:
    """Options that make a training another than that of a plain Transformer.

    Peers cannot express them, and the list of passes of the roofline does not hold them.
    """
    model = config.model
    plain = ModelConfig(
        encoder=EncoderConfig(num_layers=model.encoder.num_layers),
        decoder=DecoderConfig(num_layers=model.decoder.num_layers),
        tied_embeddings=TiedEmbeddings.all,
    )
    plain = replace(plain, **{name: getattr(model, name) for name in SIZES})
    yield from differing("model", model, plain)
    numbers = {name: getattr(config.optimizer, name) for name in NUMBERS}
    adamw = OptimizerConfig(matrices=Matrices.adamw, **numbers)
    yield from differing("optimizer", config.optimizer, adamw)
    yield from differing("data.augmentation", config.data.augmentation, AugmentationConfig())
    batch = config.data.batch
    sizes = BatchConfig(max_tokens=batch.max_tokens, max_shapes=batch.max_shapes)
    yield from differing("data.batch", batch, sizes)
    plain_data = DataConfig()
    is_changed = {
        **{
            f"data.{name}": getattr(config.data, name) != getattr(plain_data, name)
            for name in sorted(CORPUS_OPTIONS)
        },
        "trainer.export": config.trainer.export in (Export.ema, Export.tail),
        "batch_transforms": bool(config.batch_transforms),
        "auxiliary_losses": bool(config.auxiliary_losses),
        "alignment_supervision": supervision_kind(config)[0] is not SupervisionKind.none,
    }
    yield from (path for path, changed in is_changed.items() if changed)


def differing(section: str, options: Any, plain: Any) -> Iterator[str]:
    """Paths of the options of a section that are not those of a plain training."""
    for item in fields(options):
        if getattr(options, item.name) != getattr(plain, item.name):
            yield f"{section}.{item.name}"


def export_corpus(corpus: "PreparedCorpus", folder: Path) -> None:
    """Write the training pairs, some held-out ones, and the vocabulary, for peers."""
    for side, column in (("source", corpus.train.source), ("target", corpus.train.target)):
        rows = [column.row(number).tolist() for number in range(len(column))]
        write_rows(folder / f"train.{side}", rows)
        write_rows(folder / f"held_out.{side}", rows[:NUM_HELD_OUT])
    words = [word(index) for index in range(NUM_SPECIALS, corpus.tokenizers.target.vocab_size)]
    (folder / "words.txt").write_text("".join(f"{item}\n" for item in words), encoding="utf-8")
    counted = "".join(f"{item}\t1\n" for item in words)
    (folder / "counted.txt").write_text(counted, encoding="utf-8")


def write_rows(path: Path, rows: "list[list[int]]") -> None:
    """Write rows of ids as numbers, `<path>.ids`, and as words."""
    numbers = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    path.with_name(f"{path.name}.ids").write_text(numbers, encoding="utf-8")
    text = "".join(" ".join(map(word, row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def word(index: int) -> str:
    """A word for an id that is the same to every toolkit."""
    return f"t{index}" if index >= NUM_SPECIALS else "<unk>"
