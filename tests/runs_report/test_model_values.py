"""Values of models: bytes of decoding state by hand, errors of alignments that are known."""

from pathlib import Path

import pytest

from seq2seq.attention.catalogue import FullConfig, LinformerConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.bundle.files import load_bundle
from seq2seq.bundle.model import load_model
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import ConfigError
from seq2seq.runs_report.model_values import ModelMeasurements, decoding_state_bytes, model_values
from seq2seq.runs_report.report import RunsReport, read_places
from seq2seq.runs_report.table import runs_table
from tests.results.bundles import make_run
from tests.runs_report.made_runs import TEXT, VALIDATION, evaluated_run

FLOAT32, LAYERS, D_MODEL, HEADS = 4, 2, 16, 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tokenizers: Tokenizers) -> Path:
    return evaluated_run(tmp_path_factory.mktemp("values") / "run", tokenizers, seed=1, errors=0.2)


@pytest.fixture(scope="module")
def links(run: Path) -> list[str]:
    """What the model of the run links in its test pairs, as gold links."""
    translations = load_model(run).score(TEXT.source, TEXT.target, alignments=True)
    alignments = [entry.alignment for entry in translations]
    return [
        " ".join(f"{i}-{j}" for i, j in sorted(alignment.links)) if alignment else ""
        for alignment in alignments
    ]


def gold_table(path: Path, links: list[str]) -> Path:
    rows = zip(TEXT.source, TEXT.target, links, strict=True)
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("cross", "share"),
    [(None, 1.0), (FullConfig(num_kv_heads=1), 1 / HEADS)],
    ids=["full", "one head"],
)
@pytest.mark.parametrize("positions", [5, 16])
def test_the_state_is_keys_and_values(
    tmp_path: Path,
    tokenizers: Tokenizers,
    cross: AttentionConfig | None,
    share: float,
    positions: int,
) -> None:
    model = load_bundle(make_run(tmp_path / "run", tokenizers, cross=cross)).model
    one_role = 2 * LAYERS * positions * D_MODEL * FLOAT32
    assert decoding_state_bytes(model, positions) == one_role + share * one_role


def test_links_of_the_model_have_no_error_and_others_have(
    run: Path, links: list[str], tmp_path: Path
) -> None:
    def error(name: str, gold: list[str]) -> float:
        request = RunsReport([run], gold=gold_table(tmp_path / name, gold))
        return read_places(request).runs[0].values["gold_alignment_error"].value

    assert error("same.tsv", links) == 0.0
    assert error("first.tsv", ["0-0" for _ in links]) > 0.3
    halves = [" ".join(line.split()[::2]) for line in links]
    kept, total = (sum(len(line.split()) for line in side) for side in (halves, links))
    assert error("half.tsv", halves) == pytest.approx(1 - 2 * kept / (kept + total))


def test_the_direction_of_gold_links_is_one(
    run: Path, links: list[str], tokenizers: Tokenizers, tmp_path: Path
) -> None:
    backwards = {"source_language": "yy", "target_language": "xx"}
    held_out = {"validation": VALIDATION, "test": TEXT}
    other = make_run(tmp_path / "other", tokenizers, seed=2, held_out=held_out, **backwards)
    gold = gold_table(tmp_path / "gold.tsv", links)
    with pytest.raises(ConfigError, match="--gold: .*in one direction.*xx-yy and yy-xx"):
        read_places(RunsReport([run, other], gold=gold))


def test_disagreement_is_of_two_directions(
    run: Path, tokenizers: Tokenizers, tmp_path: Path
) -> None:
    backwards = {"source_language": "yy", "target_language": "xx"}
    reverse = make_run(tmp_path / "reverse", tokenizers, seed=2, **backwards)
    entry = (
        read_places(RunsReport([run], reverse=reverse)).runs[0].values["reverse_alignment_error"]
    )
    assert 0.0 < entry.value <= 1.0
    with pytest.raises(ConfigError, match="the other way than"):
        read_places(RunsReport([run], reverse=run))


def test_what_a_model_cannot_have_is_missing(
    tokenizers: Tokenizers, tmp_path: Path, links: list[str]
) -> None:
    run = evaluated_run(
        tmp_path / "run", tokenizers, seed=1, errors=0.2, cross=LinformerConfig(rank=4)
    )
    gold = gold_table(tmp_path / "gold.tsv", links)
    values = model_values(load_bundle(run), ModelMeasurements(gold, run), {})
    assert set(values) == {"parameters", "decoding_state"}
    table = runs_table(read_places(RunsReport([run], gold=gold)).runs)
    assert "gold_alignment_error" not in {column.key for column in table.columns}
