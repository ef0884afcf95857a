"""The process of CTranslate2 decodes an export as our search does.

The models have random weights and hardly end a sentence, so that beams reach the length limit,
where the two searches differ.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import seq2seq
from seq2seq.bench import decoding_peers
from seq2seq.bench.decoding import DecodingRequest
from seq2seq.bench.decoding_peers import PeerContext
from seq2seq.bundle.files import load_bundle
from seq2seq.files import read_lines, write_lines
from tests.cli.conftest import Command
from tests.results.bundles import make_run, sentences, train_tokenizers

pytest.importorskip("ctranslate2")


@pytest.mark.parametrize(("beam_size", "equal"), [(1, 11), (4, 5)])
def test_translations_are_ours(
    command: Command, tmp_path: Path, beam_size: int, equal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path))
    assert command("export", "ctranslate2", run).code == 0
    lines = sentences(12, seed=3)
    write_lines(tmp_path / "lines", lines)
    monkeypatch.setattr(decoding_peers, "isolated", lambda name, context: [sys.executable, "-I"])
    context = PeerContext(run, None, tmp_path, tmp_path, lines, 1)
    peer = decoding_peers.ctranslate2_peer(context, load_bundle(run))
    paths = [str(tmp_path / name) for name in ("lines", "lengths")]
    settings = {**peer.facts, **peer.tried[0], "batch_size": 5}
    output = str(tmp_path / "output")
    request = DecodingRequest(str(peer.folder), *paths, beam_size, 1, [], settings, output=output)
    request.save(tmp_path / "request")
    ended = subprocess.run(
        [*peer.command, str(tmp_path / "request"), str(time.time())],
        capture_output=True,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(ended.stdout)
    assert figures["sentences_per_second"] > 0 and figures["batch_size"] == 5
    model = seq2seq.load(run, device="cpu")
    model.decoding.beam_size = beam_size
    translations = read_lines(tmp_path / "output")
    pairs = zip(model.translate(lines), translations, strict=True)
    assert sum(ours == theirs for ours, theirs in pairs) >= equal
