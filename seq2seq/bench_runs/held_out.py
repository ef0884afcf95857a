"""Loss and BLEU of a run's bundle on its held-out text, in a process of its own.

python -m seq2seq.bench_runs.held_out RUN SPLIT OUTPUT [IMPORT...]
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seq2seq import stopping
from seq2seq.bundle.files import held_out_split, load_bundle
from seq2seq.evaluation.translate import Translator
from seq2seq.files import atomic_write
from seq2seq.folder.logs import configure_logging
from seq2seq.imports import import_modules
from seq2seq.metrics.score import Scorer


def held_out_scores(run: Path, split: str) -> dict[str, Any]:
    """Loss (nats per label, without smoothing) and BLEU of the translations of a split.

    The search is that of the run's configuration.

    Raises:
        UserError: there is no such run or split.
    """
    bundle = load_bundle(run)
    pairs = held_out_split(bundle, split)
    scorer = Scorer(bundle.config.data.languages()[1], ["bleu"])
    translator = Translator([bundle.model], bundle.tokenizers, bundle.config.decoding)
    translations = [entry.text for entry in translator.translate(pairs.source)]
    total, labels = 0.0, 0
    for scored in translator.score(pairs.source, pairs.target):
        total -= scored.log_probability
        labels += len(scored.tokens) + 1
    score = scorer.corpus(translations, pairs.target)["bleu"]
    return {
        "loss": total / max(labels, 1),
        "bleu": score.score,
        "signature": score.signature,
        "sentences": len(translations),
    }


def main(arguments: Sequence[str]) -> None:
    run, split, output, *imports = arguments
    import_modules(imports)
    configure_logging()
    atomic_write(Path(output), json.dumps(held_out_scores(Path(run), split)).encode())


if __name__ == "__main__":
    with stopping.handled():
        main(sys.argv[1:])
