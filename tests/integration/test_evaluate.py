"""The files of an evaluation, and that a bundle is all it needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from seq2seq.alignment.export import AttentionFile
from seq2seq.alignment.links import read_pharaoh
from tests.integration.commands import Run


def test_a_copied_bundle_is_evaluated_with_nothing_else(
    run: Run, finished_run: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "elsewhere"
    shutil.copytree(finished_run / "model", bundle)
    done = run("evaluate.py", f"run={bundle}", "decoding.beam_size=2", "alignment.heatmaps=2")
    assert done.returncode == 0, done.stderr
    folder = bundle / "evaluation" / "test"
    lines = {
        name: (folder / f"{name}.txt").read_text().splitlines()
        for name in ("sources", "references", "hypotheses")
    }
    assert {len(side) for side in lines.values()} == {20}
    scores = json.loads((folder / "scores.json").read_text())
    for name in ("bleu", "chrf", "ter"):
        assert f"{scores[name]['score']:.2f}" in done.stderr
        assert scores[name]["signature"] in done.stderr
    assert scores["decoding"]["beam_size"] == 2
    assert len(read_pharaoh(folder / "alignments.pharaoh")) == 20
    written = (folder / "alignments.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    records = [json.loads(line) for line in written]
    assert [record["source"]["text"] for record in records] == lines["sources"]
    with AttentionFile(folder / "attention.npz") as attention:
        assert len(attention) == 20
    assert len(list((folder / "heatmaps").glob("*.png"))) == 2
    program, *arguments = scores["reproduce"].split()
    command = [str(Path(sys.executable).parent / program), *arguments]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    reproduced = {
        entry["name"].lower().rstrip("2"): entry["score"] for entry in json.loads(printed.stdout)
    }
    assert all(
        round(scores[name]["score"], 4) == reproduced[name] for name in ("bleu", "chrf", "ter")
    )


def test_sentences_of_the_user(run: Run, finished_run: Path, tmp_path: Path) -> None:
    for side in ("source", "reference"):
        (tmp_path / side).write_text("a b c\nd e f\n", encoding="utf-8")
    bundle = tmp_path / "elsewhere"
    shutil.copytree(finished_run / "model", bundle)
    done = run(
        "evaluate.py",
        f"run={bundle}",
        "split=mine",
        f"source={tmp_path}/source",
        f"reference={tmp_path}/reference",
        "alignment.enabled=false",
    )
    assert done.returncode == 0, done.stderr
    assert len((bundle / "evaluation" / "mine" / "hypotheses.txt").read_text().splitlines()) == 2
    assert not (bundle / "evaluation" / "mine" / "alignments.pharaoh").exists()


def test_an_unknown_split_is_refused_with_the_choices(run: Run, finished_run: Path) -> None:
    done = run("evaluate.py", f"run={finished_run}", "split=tset")
    assert done.returncode != 0
    assert "did you mean test? choose from" in done.stderr
    assert "Traceback" not in done.stderr
