"""What an evaluation wrote to `evaluation/<split>/`, read again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seq.alignment.export import AttentionFile, text_array
from seq2seq.alignment.links import Links, ensure_bounds, read_pharaoh
from seq2seq.bounded import read_json
from seq2seq.bundle.files import Bundle
from seq2seq.data.kinds.base import Item
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import DataError
from seq2seq.files import read_lines, read_of_one_version
from seq2seq.metrics.protocol import Scoring, ScoringProtocol
from seq2seq.metrics.score import Score
from seq2seq.processes import command_name
from seq2seq.results.evaluation_folder import SCORES
from seq2seq.results.scoring import KEYS

NAMES = ("sources.txt", "hypotheses.txt", "references.txt", SCORES)
# Where the model has weights:
LINKS, RECORDS, ATTENTION = "alignments.pharaoh", "alignments.jsonl", "attention.npz"


@dataclass(frozen=True)
class EvaluationFiles:
    """The files of an evaluation: a source, hypothesis and reference for each sentence.

    Attributes:
        links: of each sentence; None where the evaluation wrote no alignments.
        scores: of the corpus, by the metrics' names.
        scoring: of the scores; its target language is empty if the evaluation does not say.
    """

    folder: Path
    sources: list[Item]
    hypotheses: list[str]
    references: list[str]
    links: list[Links] | None
    scores: dict[str, Score]
    scoring: Scoring


def read_evaluation(bundle: Bundle, folder: Path) -> EvaluationFiles:
    """Read the evaluation of a bundle.

    Raises:
        DataError: there is none, or its files do not fit together.
    """
    return read_of_one_version(folder / SCORES, lambda: _read_files(bundle, folder))


def _read_files(bundle: Bundle, folder: Path) -> EvaluationFiles:
    missing = [name for name in NAMES if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} has no {', '.join(missing)}; evaluate first: "
            f"{command_name('evaluate')} run={folder.parent.parent} split={folder.name}"
        )
    lines, hypotheses, references = (read_lines(folder / name) for name in NAMES[:3])
    if not len(lines) == len(hypotheses) == len(references):
        raise DataError(
            f"{folder} has {len(lines):,} sources, {len(hypotheses):,} hypotheses and "
            f"{len(references):,} references; the counts must be equal: evaluate again"
        )
    sources = source_items(bundle, folder, lines)
    links = None
    if (folder / LINKS).is_file():
        links = read_pharaoh(folder / LINKS)
        sides = zip(map(bundle.tokenizers.source.words, sources), hypotheses, strict=True)
        lengths = [(len(words), len(hypothesis.split())) for words, hypothesis in sides]
        ensure_bounds(links, lengths, path=folder / LINKS)
    scores, scoring = read_scores(folder / SCORES)
    return EvaluationFiles(folder, sources, hypotheses, references, links, scores, scoring)


def source_items(bundle: Bundle, folder: Path, lines: list[str]) -> list[Item]:
    """The sources of an evaluation: those of the bundle's split, or those stored with the lines.

    Raises:
        DataError: they are neither.
    """
    held_out = bundle.held_out.get(folder.name)
    if held_out is not None and list(map(str, held_out.source)) == lines:
        return held_out.source
    return bundle.tokenizers.source.load_items(folder / "sources", lines)


def read_scores(path: Path) -> tuple[dict[str, Score], Scoring]:
    """The corpus scores of scores.json by the metrics' names, and how they were computed.

    Raises:
        DataError: the file does not hold them.
    """
    try:
        content = read_json(path)
        entries = {name: entry for name, entry in content.items() if name not in KEYS}
        scores = {
            name: Score(float(entry["score"]), str(entry["signature"]))
            for name, entry in entries.items()
        }
        if not all(math.isfinite(score.score) for score in scores.values()):
            raise ValueError("a score is not finite")
        return scores, Scoring(
            str(content.get("target_language", "")),
            ScoringProtocol(content["protocol"]),
            content.get("bleu_tokenizer"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not the scores of an evaluation ({error!r}); evaluate again"
        ) from error


def decoded_tokens(
    evaluation: EvaluationFiles, tokenizer: Tokenizer, count: int
) -> list[list[int]]:
    """The ids of the first `count` translations, as the decoder produced them.

    They are read from attention.npz, since the tokenizer may split the same text otherwise. Without
    that file, the tokenizer splits the text.

    Raises:
        DataError: attention.npz is damaged, or belongs to other translations.
    """
    path, lines = evaluation.folder / ATTENTION, evaluation.hypotheses[:count]
    if not path.is_file():
        return tokenizer.encode_batch(lines)
    return read_tokens(path, tokenizer, lines)


def read_tokens(path: Path, tokenizer: Tokenizer, lines: Sequence[str]) -> list[list[int]]:
    """The ids of translations from their subwords in attention.npz; raises as `decoded_tokens`."""
    subwords = text_array(tokenizer.subwords(range(tokenizer.vocab_size))).tolist()
    id_of = {subword: index for index, subword in enumerate(subwords)}
    tokens = []
    with AttentionFile(path) as file:
        for number, line in enumerate(lines):
            target = file[number].target_subwords if number < len(file) else []
            ids = [id_of.get(subword, tokenizer.UNK_ID) for subword in target]
            if tokenizer.decode(ids) != line:
                raise DataError(
                    f"{path}: sentence {number} is not that of hypotheses.txt; evaluate again"
                )
            tokens.append(ids)
    return tokens
