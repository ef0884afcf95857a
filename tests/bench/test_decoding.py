"""What the benchmark of decoding asks of processes, and what it makes of their answers."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import seq2seq
from seq2seq.bench import decode_own, decoding
from seq2seq.bench.decoding import DecodingBench, DecodingRequest, EqualOutputs, equal_notes
from seq2seq.bench.decoding_peers import DecodingPeer, PeerContext, decoding_peers
from seq2seq.bench.joeynmt_model import ensure_known_to_joeynmt, joeynmt_weights
from seq2seq.bundle.files import held_out_split, load_bundle
from seq2seq.config.saved import with_overrides
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError, MissingDependencyError
from seq2seq.files import read_lines, write_lines
from seq2seq.options import problems_in
from seq2seq.position.config import RopeConfig
from tests.results.bundles import make_run, train_tokenizers

PROGRAM = """
import json, sys
from pathlib import Path

request = json.loads(Path(sys.argv[1]).read_text())
lines = Path(request["lines"]).read_text().splitlines()
settings, beam = request["settings"], request["beam_size"]
speed = settings["speed"] if settings else 100 / beam
text = [line.upper() for line in lines]
if settings:
    text[0] = "another"
Path(request["output"]).write_text("".join(line + chr(10) for line in text))
facts = {"sentences_per_second": speed, "start_seconds": 1.5, "asked": request["overrides"]}
print(json.dumps({**facts, "settings": settings, "peak_bytes": 5}))
"""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DecodingBench:
    """Two lines, this package and one peer, all by a stand-in."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = ["-S", "-E", str(program)]

    def peers(names: list[str], context: PeerContext, bundle: Any) -> list[DecodingPeer]:
        assert (names, context.lines, context.threads) == (["rival"], ["one", "two"], 2)
        tried = [{"speed": 10, "first": 1}, {"speed": 40, "first": 0}]
        facts = {"stays": "here"}
        arguments = [sys.executable, *command]
        return [DecodingPeer("rival", arguments, tmp_path, "random weights", tried, facts)]

    monkeypatch.setattr(decoding, "OWN_COMMAND", command)
    monkeypatch.setattr(decoding, "load_bundle", lambda run: None)
    monkeypatch.setattr(decoding, "decoding_peers", peers)
    monkeypatch.setattr("seq2seq.bench.contest.load_facts", lambda: {"busy": 0.0, "load": 0.0})
    write_lines(tmp_path / "text", ["one", "two"])
    options = ["alpha=0.5"]
    text = tmp_path / "text"
    return DecodingBench(tmp_path, text, options, 2, ["rival"], None, tmp_path, 2)


def test_a_peer_runs_with_its_fastest_setting_and_equal_outputs_are_counted(
    bench: DecodingBench, tmp_path: Path
) -> None:
    results, failures = bench.contest(5, tmp_path / "r.json")
    assert failures == []
    assert [row["contestant"] for row in results["measurements"]] == ["seq2seq", "rival"] * 2
    ours, theirs = results["measurements"][:2]
    assert ours["asked"] == ["alpha=0.5"] and ours["sentences_per_second"] == 20
    assert theirs["asked"] == []
    assert theirs["settings"] == {"stays": "here", "speed": 40, "first": 0}
    assert (ours["equal_sentences"], theirs["equal_sentences"]) == (2, 1)
    assert list(equal_notes(results)) == [
        "rival: 1 of 2 translations equal ours",
        "rival: random weights; speed=40, first=0",
    ]
    assert json.loads((tmp_path / "r.json").read_text())["settings"]["beam_size"] == 5


def test_the_engine_is_this_package_with_its_options(tmp_path: Path) -> None:
    context = PeerContext(tmp_path, None, tmp_path, tmp_path, [], 2)
    bundle: Any = None
    (peer,) = decoding_peers(["engine"], context, bundle)
    request = DecodingRequest("run", "", "", 5, 2, ["workers=2", "alpha=0.5"])
    contest = EqualOutputs(tmp_path, request)
    asked: list[DecodingRequest] = []
    contest.measured = lambda name, command, request: asked.append(request)  # type: ignore
    contest.peer(peer)
    options = ["alpha=0.5", "engine=ctranslate2", "inter_threads=2", "intra_threads=1"]
    assert asked[0].overrides == options
    assert list(problems_in(with_overrides(DecodingConfig(), asked[0].overrides))) == []


def environments(tmp_path: Path) -> Path:
    for name in ("ctranslate2", "marian"):
        (tmp_path / "peers" / name).mkdir(parents=True)
        (tmp_path / "peers" / name / ".ready").touch()
    return tmp_path / "peers"


@pytest.mark.parametrize(("threads", "spreads"), [(1, {(1, 1)}), (4, {(4, 1), (1, 4)})])
def test_what_peers_are_given(tmp_path: Path, threads: int, spreads: set[tuple[int, int]]) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path))
    (run / "ctranslate2").mkdir()
    (run / "ctranslate2" / "model.bin").touch()
    lines = ["bad cow", "dog"]
    context = PeerContext(run, None, environments(tmp_path), tmp_path, lines, threads)
    bundle = load_bundle(run)
    exported, random = decoding_peers(["ctranslate2", "transformers"] * 2, context, bundle)
    assert exported.folder == run / "ctranslate2"
    assert {(x["inter_threads"], x["intra_threads"]) for x in exported.tried} == spreads
    assert "random weights" in random.note
    assert random.facts["sizes"]["decoder_layers"] == 2
    ids = [[int(x) for x in line.split()] for line in read_lines(Path(random.facts["ids"]))]
    assert ids == bundle.tokenizers.target.encode_batch(lines), "one joint tokenizer"


def test_our_process_translates_as_the_model_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path / "run", train_tokenizers(tmp_path))
    bench = DecodingBench(run, None, [], 1, [], None, tmp_path, 1)
    lines = bench.lines_of(lambda: held_out_split(load_bundle(run), "test").source)
    assert len(lines) == 20, "the test split"
    text, lengths, output = (tmp_path / name for name in ("text", "lengths", "output"))
    write_lines(text, lines)
    DecodingRequest(
        str(run), str(text), str(lengths), 3, 1, ["alpha=0.2"], output=str(output)
    ).save(tmp_path / "request")
    monkeypatch.setattr("sys.argv", ["x", str(tmp_path / "request"), str(time.time() - 7)])
    monkeypatch.setattr("torch.set_num_threads", lambda number: None)
    decode_own.main()
    figures: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["sentences_per_second"] > 0
    assert figures["start_seconds"] > 7
    model = seq2seq.load(run)
    model.decoding.beam_size, model.decoding.alpha = 3, 0.2
    expected = model.translations(lines)
    assert read_lines(output) == [translation.text for translation in expected]
    assert read_lines(lengths) == [str(len(translation.tokens)) for translation in expected]


def test_refusals(bench: DecodingBench, tmp_path: Path) -> None:
    context = PeerContext(tmp_path, None, environments(tmp_path), tmp_path, [], 1)
    bundle: Any = None
    with pytest.raises(ConfigError, match="--peer: 'transformer' is unknown; did you mean trans"):
        decoding_peers(["transformer"], context, bundle)
    with pytest.raises(ConfigError, match="write it with: seq2seq export ctranslate2"):
        decoding_peers(["ctranslate2"], context, bundle)
    missing = replace(context, environments=tmp_path / "none")
    with pytest.raises(MissingDependencyError, match="make bench-peers"):
        decoding_peers(["transformers"], missing, load_bundle_of(tmp_path))
    with pytest.raises(ConfigError, match="--beam-size: must be at least 1, not 0"):
        decoding.checked_beams([5, 0])
    (tmp_path / "text").write_text("")
    with pytest.raises(DataError, match="must hold at least one line"):
        bench.contest(5, tmp_path / "r.json")


def load_bundle_of(folder: Path) -> Any:
    return load_bundle(make_run(folder / "any", train_tokenizers(folder)))


def test_joeynmt_is_given_every_parameter_under_its_name(tmp_path: Path) -> None:
    bundle = load_bundle(make_run(tmp_path / "run", train_tokenizers(tmp_path)))
    weights = dict(joeynmt_weights(bundle.model))
    state = bundle.model.state_dict()
    tables = [weights.pop(f"{side}.pe.pe") for side in ("encoder", "decoder")]
    fused = [name for name in state if ".query_key_value." in name]
    assert len(weights) == len(state) + 2 * len(fused)
    assert sum(map(Tensor.numel, weights.values())) == sum(map(Tensor.numel, state.values()))
    assert torch.equal(tables[0][0, :4], bundle.model.frontend.embedding.position(torch.arange(4)))
    keys = state["decoder.layers.1.cross_attention.query_key_value.weight"].chunk(3)[1]
    assert torch.equal(weights["decoder.layers.1.src_trg_att.k_layer.weight"], keys)


def test_joeynmt_is_refused_where_it_has_no_such_model(tmp_path: Path) -> None:
    bundle = load_bundle(make_run(tmp_path / "run", train_tokenizers(tmp_path)))
    bundle.config.model.position = RopeConfig()
    with pytest.raises(ConfigError, match="--peer joeynmt: must decode with a model of full"):
        ensure_known_to_joeynmt(bundle)
