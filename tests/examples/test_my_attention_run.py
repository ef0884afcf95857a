"""A run with the example in all three roles: trained, resumed, evaluated, used and refused."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import seq2seq
from seq2seq.bundle.files import load_bundle
from seq2seq.config.validate import validate
from seq2seq.errors import CheckpointError, ConfigError
from seq2seq.imports import import_modules
from seq2seq.padding import Tokens
from tests.cli.conftest import Command
from tests.documentation.composing import composed
from tests.examples.test_my_attention import EXAMPLE, copy_of
from tests.integration.commands import ROOT, TINY, environment
from tests.integration.test_resume import start, wait_for

IMPORTS = f"imports=[{EXAMPLE}]"
ROLES = ["encoder_attention=cosine", "decoder_attention=cosine", "cross_attention=cosine"]


def learning_curve(folder: Path) -> list[tuple[int, float]]:
    """Steps and training losses of a run."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["step"], line["train/loss"]) for line in lines if "train/loss" in line]


def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of the repository in a separate process."""
    command = [sys.executable, str(ROOT / script), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=300
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed after its first checkpoint, and resumed to its end.

    The path of the example is relative to the working directory of the first start.
    """
    folder, cache = (tmp_path_factory.mktemp(name) for name in ("run", "cache"))
    process = start(folder, cache, f"imports=[{EXAMPLE.relative_to(ROOT)}]", *ROLES)
    wait_for(folder / "checkpoints" / "step-00000010.ckpt", process)
    process.kill()
    process.communicate()
    resumed = run_script("train.py", f"resume={folder}")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming from" in resumed.stdout + resumed.stderr
    return folder


def test_it_is_evaluated_with_alignments(trained: Path) -> None:
    assert {step for step, _ in learning_curve(trained)} == {5, 10, 15, 20, 25, 30, 35, 40}
    refused = run_script("evaluate.py", f"run={trained}")
    assert refused.returncode != 0
    assert re.search(rf"no .*'cosine'.*add {re.escape(IMPORTS)}", refused.stderr)
    evaluated = run_script("evaluate.py", f"run={trained}", IMPORTS, "alignment.heatmaps=0")
    assert evaluated.returncode == 0, evaluated.stderr
    folder = trained / "evaluation" / "test"
    hypotheses = (folder / "hypotheses.txt").read_text(encoding="utf-8").splitlines()
    links = (folder / "alignments.pharaoh").read_text(encoding="utf-8").splitlines()
    assert len(links) == len(hypotheses) == 20 and any(links)


def test_a_bundle_says_what_it_needs(trained: Path, command: Command) -> None:
    with pytest.raises(CheckpointError, match=rf"'cosine'.* add {re.escape(IMPORTS)}"):
        seq2seq.load(trained)
    options = ("translate", "--run", trained)
    refused = command(*options, stdin=b"a b\n")
    assert refused.code != 0 and f"add {IMPORTS}" in refused.err
    translated = command(*options, "--imports", EXAMPLE, stdin=b"a b\n")
    assert translated.code == 0, translated.err


@torch.no_grad()
def test_it_decodes_from_its_cache_as_it_was_trained(trained: Path) -> None:
    import_modules([str(EXAMPLE)])
    model = load_bundle(trained).model
    scales = [value for name, value in model.named_parameters() if name.endswith("log_scale")]
    assert len(scales) == 3
    source = Tokens.of([[5, 6, 7, 3], [8, 3]], pad_id=1)
    target = torch.randint(4, 9, (2, 6))
    encoded = model.encode(source)
    states, _ = model.decoder_states(Tokens.of(target.tolist(), pad_id=1), encoded)
    state = model.start(encoded, capacity=6)
    steps = [model.decode_step(ids, state) for ids in target.split(1, dim=1)]
    torch.testing.assert_close(torch.cat(steps, dim=1), model.output(states), atol=1e-4, rtol=1e-4)


def test_it_is_refused_where_it_cannot_serve(tmp_path: Path) -> None:
    """A copy that serves self-attention alone, has no logits and no weights to drop."""
    core = '    core: ClassVar[str] = "CosineCore"\n'
    limits = (
        "    roles: ClassVar[frozenset[Role]] = frozenset({Role.ENCODER, Role.CAUSAL})\n"
        "    has_logits: ClassVar[bool] = False\n"
        "    drops_weights: ClassVar[bool] = False\n"
    )
    path = copy_of(tmp_path, core, core + limits)
    # A name that no other test has made an option of cross-attention in this process.
    path.write_text(path.read_text().replace('"cosine"', '"cosine_self"'))
    import_modules([str(path)])
    base = [*TINY, f"imports=[{path}]", "encoder_attention=cosine_self"]
    validate(composed("train", base))
    with pytest.raises(Exception, match=r"(?s)cross_attention.*cosine.*additive.*full"):
        composed("train", [*base, "cross_attention=cosine_self"])
    for override, problem in (
        ("position=alibi", "position: alibi adds to query-key logits.*cosine"),
        ("model.encoder.self_attention.dropout=0.1", "dropout: cosine_self cannot drop attention"),
        ("model.encoder.self_attention.initial_scale=0", "initial_scale: must be above 0, not 0"),
        (
            "model.decoder.layer_cross_attention=[cosine_self]",
            "cosine_self cannot serve as cross",
        ),
    ):
        with pytest.raises(ConfigError, match=problem):
            validate(composed("train", [*base, override]))
