"""The generated text, the figures of its processes, and the steps of a budget of tokens."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from seq2seq.bench_runs import data_bench
from seq2seq.bench_runs.count_steps import endless_data, steps_for
from seq2seq.bench_runs.data_bench import DataBench, generated_words, sentences
from seq2seq.bench_runs.data_costs import opened_figures, prepared_figures
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import composed_run
from seq2seq.data.prepare import prepare

PROGRAM = """
import json, sys
from pathlib import Path

stage, *overrides = sys.argv[1:]
options = dict(item.split("=", 1) for item in overrides)
model = Path(options["data.cache_dir"].strip("'")) / "prepared" / "joint.model"
with open({log!r}, "a") as log:
    print(stage, options.get("data.limit_train"), "source_model" in str(overrides), file=log)
if "hydra.run.dir" in options:
    run = Path(options["hydra.run.dir"].strip("'"))
    run.mkdir(parents=True)
    facts = {"train/loss": 1.0, "train/steps_per_second": 4.0}
    reports = [{"step": step, **facts} for step in (1, 2, 3)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + chr(10) for line in reports))
elif stage == "prepare":
    model.parent.mkdir(parents=True)
    model.touch()
    print(json.dumps({"pairs_per_second": 50_000.0}))
else:
    print(json.dumps({"open_seconds": 0.5, "batch_seconds": 0.0025, "batches_per_step": 2}))
"""


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    sizes = ["data.num_train=400", "data.num_validation=20", "data.num_test=20"]
    batches = ["data.batch.max_tokens=128", f"data.cache_dir={tmp_path}", "trainer.accumulate=2"]
    return composed_run(["data=reverse", *sizes, *batches])


@pytest.mark.parametrize("budget", [1, 1000, 9000])
def test_a_budget_of_tokens_ends_with_the_step_that_reaches_it(
    config: RunConfig, budget: int
) -> None:
    steps, tokens = steps_for(config, budget)
    stream = endless_data(config, prepare(config.data)).stream
    sums, micro_batches = [0], 0
    for batch in stream:
        micro_batches += batch.target_tokens
        if stream.ends_step(stream.position - 1):
            sums.append(sums[-1] + micro_batches)
            micro_batches = 0
            if len(sums) > steps:
                break
    assert sums[steps] == tokens
    assert sums[steps - 1] < budget <= tokens


def test_figures_of_a_corpus(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seq2seq.bench_runs.data_costs.READ_BATCHES", 3)
    assert prepared_figures(config)["pairs"] == 400
    figures = opened_figures(config)
    assert figures["batches_per_step"] == 2
    assert min(figures["open_seconds"], figures["batch_seconds"]) > 0


def test_generated_text_is_a_function_of_its_seed_and_has_frequent_words() -> None:
    text = list(sentences(2000, 0, [1, 0]))
    assert text == list(sentences(2000, 0, [1, 0]))
    assert text != list(sentences(2000, 0, [2, 0]))
    lengths = {len(line.split()) for line in text}
    assert lengths == set(range(data_bench.SHORTEST, data_bench.LONGEST_TEXT + 1))
    counts = Counter(word for line in text for word in line.split())
    words = generated_words(0)
    assert len(set(words)) == len(words) == data_bench.VOCABULARY
    assert counts.most_common(1)[0][0] == words[0]
    assert counts[words[0]] == pytest.approx(2 * counts[words[1]], rel=0.2)
    assert generated_words(1)[0] != words[0]


def test_the_share_of_data_is_that_of_all_micro_batches_of_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, log = tmp_path / "program.py", tmp_path / "log"
    program.write_text(PROGRAM.replace("{log!r}", repr(str(log))), encoding="utf-8")
    monkeypatch.setattr(data_bench, "STAGE", (sys.executable, "-S", "-E", str(program)))
    monkeypatch.setattr(data_bench, "TRAIN_COMMAND", ("-S", "-E", str(program), "train"))
    monkeypatch.setattr("seq2seq.bench.contest.load_facts", lambda: {"busy": 0.0, "load": 0.0})
    results, failures = DataBench(1000, (), 1).measure(tmp_path / "data.json")
    assert failures == []
    (row,) = results["measurements"]
    assert row["data_share"] == pytest.approx(2 * 0.0025 / 0.25)
    assert row["pairs_per_second"] == 50_000
    sampled = f"prepare {data_bench.SAMPLED} False"
    assert log.read_text().splitlines() == [
        *(sampled, "prepare None True", "open None True", "train None True")
    ]
    assert json.loads((tmp_path / "data.json").read_text())["settings"]["pairs"] == 1000
