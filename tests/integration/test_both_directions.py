"""One run of both directions, supervised by links, aligns in both."""

from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.aligning.bidirectional import BidirectionalAligner
from seq2seq.alignment.links import parse_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.bundle.model import load_model
from seq2seq.data.prepare import prepare
from seq2seq.evaluation.translate import no_progress
from seq2seq.run.start import start_run
from tests.integration.test_combinations_run import composed

OPTIONS = [
    *("alignment_supervision=links", "data=reverse", "data.both_directions=1"),
    *("data.num_train=4000", "data.num_test=100", "data.max_length=6", "data.batch.max_tokens=512"),
    *("model.d_model=64", "model.d_ff=128", "trainer.max_steps=400", "trainer.validate_every=400"),
    *("trainer.checkpoint_every=400", "trainer.report_every=400", "trainer.evaluate=false"),
]


@pytest.mark.slow
@pytest.mark.parametrize("mark", [False, True])
def test_reversed_words_are_linked_both_ways(mark: bool, tmp_path: Path, corpora: str) -> None:
    config = composed(*OPTIONS, f"data.mark_direction={str(mark).lower()}")
    config = replace(config, data=replace(config.data, cache_dir=corpora))
    start_run(config, tmp_path / "run", [])
    model = load_model(tmp_path / "run", device="cpu")
    text = prepare(config.data).test.pairs
    assert text.links is not None
    aligner = BidirectionalAligner(model, model)
    weights = aligner.joint_weights(text, no_progress)
    found = aligner.links(text, weights, SymmetrizeMethod.intersection, lexicon=None)
    right = sum(
        links == frozenset(parse_links(line)) for links, line in zip(found, text.links, strict=True)
    )
    assert right >= 0.98 * len(text)
