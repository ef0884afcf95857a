"""A resumed run keeps what it was begun with; whatever differs is refused unless it is allowed."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from seq2seq.config.schema import RunConfig
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.errors import CheckpointError, ConfigError, UserError
from seq2seq.folder.machine import Hardware, as_begun
from seq2seq.folder.record import read_record, write_record
from seq2seq.run.contract import CATEGORIES, MAY_CHANGE, allowed_categories, category_of
from seq2seq.run.resume import resume_command, resume_run
from seq2seq.run.resumption import Resumption, apply_overrides
from seq2seq.training.config import Accelerator, TrainerConfig
from tests.options import every_option
from tests.run.begun import STEPS, Begun, begin, tiny_config

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    return begin(tmp_path_factory.mktemp("begun"))


@pytest.fixture
def begun(original: Begun, tmp_path: Path) -> Begun:
    return original.copied(tmp_path / "moved")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    number = torch.get_num_threads()
    yield
    torch.set_num_threads(number)


def test_a_run_whose_parts_moved_goes_on_with_their_new_places(
    original: Begun, begun: Begun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also through a link, from another working folder, and again without naming them."""
    before = (original.run / "run.json").read_bytes()
    monkeypatch.chdir(tmp_path)
    os.symlink("moved/run", "link")
    resume_run(Path("link"), [*begun.places(), "trainer.max_steps=3"])
    assert begun.status()["state"] == "finished"
    assert begun.status()["step"] == 3
    resume_run(begun.run, ["trainer.max_steps=4"])
    assert begun.status()["step"] == 4
    bundle = begun.run / "model" / "config.yaml"
    assert str(original.path) not in bundle.read_text(), "new places are kept"
    assert (original.run / "run.json").read_bytes() == before
    steps = [change["step"] for change in begun.record()["changes"]]
    assert steps == sorted(steps)
    assert set(steps) == {STEPS, 3}


def append_line(begun: Begun, name: str) -> None:
    with begun.text(name).open("a", encoding="utf-8") as file:
        file.write("the dog\n")


def edit(begun: Begun, line: str, edited: str) -> None:
    path = begun.run / "config.yaml"
    text = path.read_text(encoding="utf-8")
    assert f"{line}\n" in text
    path.write_text(text.replace(f"{line}\n", f"{edited}\n", 1), encoding="utf-8")


def lengthen(split: str) -> Callable[[Begun], None]:
    def change(begun: Begun) -> None:
        for side in ("source", "target"):
            append_line(begun, f"{split}.{side}")

    return change


CHANGES: dict[str, tuple[Callable[[Begun], None], set[str]]] = {
    "training text": (lengthen("train"), {"train pairs"}),
    "test text": (lengthen("test"), {"test pairs"}),
    "seed": (lambda begun: edit(begun, "seed: 1", "seed: 2"), {"seed"}),
    "batch": (
        lambda begun: edit(begun, "    max_tokens: 64", "    max_tokens: 65"),
        {"data.batch.max_tokens"},
    ),
    "width": (lambda begun: edit(begun, "  d_ff: 16", "  d_ff: 17"), {"model.d_ff"}),
    "depth": (
        lambda begun: edit(begun, "    num_layers: 1", "    num_layers: 2"),
        {"model.encoder.num_layers"},
    ),
    "precision": (
        lambda begun: edit(begun, "  precision: auto", "  precision: bf16-mixed"),
        {"trainer.precision"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_is_refused_and_named(begun: Begun, name: str) -> None:
    change, expected = CHANGES[name]
    change(begun)
    before = (begun.run / "run.json").read_bytes()
    with pytest.raises(ConfigError) as error:
        resume_run(begun.run, [*begun.places(), "trainer.max_steps=3"])
    named = {problem.partition(":")[0] for problem in error.value.problems}
    assert expected <= named
    assert "allow_changes=[" in str(error.value)
    assert (begun.run / "run.json").read_bytes() == before


def test_a_change_that_is_allowed_is_recorded_with_its_step(begun: Begun) -> None:
    lengthen("test")(begun)
    edit(begun, "seed: 1", "seed: 2")
    with pytest.raises(ConfigError, match=re.escape("allow_changes=[config,data]")):
        resume_run(begun.run, [*begun.places(), "trainer.max_steps=3", "allow_changes=[data]"])
    for _ in range(2):  # the second is bound to what the first went on with
        allowed = ["trainer.max_steps=3", "allow_changes=[data,config]"]
        resume_run(begun.run, [*begun.places(), *allowed])
        changes = {change["what"]: change for change in begun.record()["changes"]}
        assert changes["seed"] | {"time": ""} == {
            "step": STEPS,
            "time": "",
            "what": "seed",
            "from": 1,
            "to": 2,
        }
        assert changes["test pairs"]["step"] == STEPS
    resume_run(begun.run, ["trainer.max_steps=4"])
    assert begun.status()["step"] == 4


def test_comments_and_layout_of_the_configuration_do_not_matter(begun: Begun) -> None:
    edit(begun, "seed: 1", "seed:   1  # the first")
    resume_run(begun.run, [*begun.places(), "trainer.max_steps=3"])
    assert begun.status()["step"] == 3


def test_a_module_of_other_content_is_not_imported(tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text("", encoding="utf-8")
    begun = begin(tmp_path, replace(tiny_config(tmp_path), imports=[str(module)]))
    other = tmp_path / "other.py"
    other.write_text(f"open({str(tmp_path / 'was_imported')!r}, 'w')", encoding="utf-8")
    module.rename(tmp_path / "renamed.py")
    with pytest.raises(ConfigError, match="module 1: was SHA-256"):
        resume_run(begun.run, [f"imports=[{other}]", "trainer.max_steps=3"])
    assert not (tmp_path / "was_imported").exists()
    resume_run(begun.run, [f"imports=[{tmp_path / 'renamed.py'}]", "trainer.max_steps=3"])
    assert begun.status()["step"] == 3


def test_a_run_is_not_shorter_than_what_was_done(begun: Begun) -> None:
    with pytest.raises(ConfigError, match="trainer.max_steps: must be at least 2, the steps that"):
        resume_run(begun.run, [*begun.places(), "trainer.max_steps=1"])


def test_a_refusal_by_training_itself_leaves_the_record_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps are two epochs here. The run began with paths relative to another folder."""
    monkeypatch.chdir(tmp_path)
    config = tiny_config(Path())
    begun = begin(Path(), replace(config, data=replace(config.data, batch=BatchConfig(4096))))
    begun = Begun(begun.path.absolute())
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = begun.record()
    with pytest.raises(ConfigError, match="max_epochs"):
        resume_run(begun.run, ["trainer.max_epochs=1"])
    assert begun.record() == before
    resume_run(begun.run, ["trainer.max_steps=3"])
    assert begun.status()["step"] == 3


def test_what_is_missing_is_asked_for(begun: Begun) -> None:
    for name in ("train.source", "test.target"):
        begun.text(name).unlink()
    with pytest.raises(ConfigError) as error:
        resume_run(begun.run, [*begun.places(), "trainer.max_steps=3"])
    for problem in error.value.problems:
        option = problem.partition(":")[0]
        assert f"if it has moved, add its new place, {option}=PATH" in problem


@pytest.mark.parametrize(
    "edit_", [lambda x: x[:-20], lambda x: x.replace(b'"seed": 1', b'"seed": 2')]
)
def test_a_damaged_record_is_refused(begun: Begun, edit_: Callable[[bytes], bytes]) -> None:
    path = begun.run / "run.json"
    path.write_bytes(edit_(path.read_bytes()))
    with pytest.raises(CheckpointError, match="run.json is damaged"):
        resume_run(begun.run, ["trainer.max_steps=3"])


def test_a_finished_run_says_so_unless_it_is_prolonged(
    begun: Begun, capsys: pytest.CaptureFixture[str]
) -> None:
    for overrides in ([], begun.places(), ["trainer.max_steps=2"]):
        resume_run(begun.run, overrides)
        assert "is finished, at step 2" in capsys.readouterr().out


def test_an_earlier_run_is_bound_from_then_on(
    begun: Begun, capsys: pytest.CaptureFixture[str]
) -> None:
    (begun.run / "run.json").unlink()
    resume_run(begun.run, [*begun.places(), "trainer.max_steps=3"])
    assert "begun by version 0.1.0" in (begun.run / "train.log").read_text()
    append_line(begun, "train.source")
    append_line(begun, "train.target")
    with pytest.raises(ConfigError, match="train pairs: was SHA-256"):
        resume_run(begun.run, ["trainer.max_steps=4"])


HARDWARE = Hardware(device="cpu", precision="bf16-mixed", processes=4, threads=3)


@pytest.mark.parametrize("free", [set(), {"trainer.num_threads"}, {"trainer.precision"}])
def test_what_was_resolved_is_kept(free: set[str]) -> None:
    trainer = TrainerConfig(devices="auto", num_threads=0, precision="auto", num_nodes=2)
    kept = as_begun(trainer, HARDWARE, free)
    assert kept.accelerator is Accelerator.cpu
    assert kept.devices == "2"
    assert kept.num_threads == (0 if "trainer.num_threads" in free else 3)
    assert kept.precision == ("auto" if "trainer.precision" in free else "bf16-mixed")


def test_the_machine_is_recorded_and_kept(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    record = read_record(begun.run)
    assert record is not None
    assert record.hardware is not None
    other = replace(record.hardware, precision="32-true", threads=3)
    facts = record.environment | {"processor": "another", "version of torch": "0.1"}
    write_record(begun.run, replace(record, hardware=other, environment=facts))
    monkeypatch.setattr("seq2seq.run.binding.available_cores", lambda: 1)
    resume_run(begun.run, [*begun.places(), "trainer.max_steps=3"])
    assert begun.record()["hardware"] == {
        "device": "cpu",
        "precision": "32-true",
        "processes": 1,
        "threads": 3,
    }
    log = (begun.run / "train.log").read_text()
    assert "precision 32-true" in log
    assert log.count("the last bits may be others than before: processor: was another") == 1
    assert "the run keeps its 3 threads" in log
    changes = {change["what"] for change in begun.record()["changes"]}
    assert {"processor", "version of torch"} <= changes
    resume_run(begun.run, ["trainer.max_steps=4", "trainer.num_threads=1"])
    assert begun.record()["hardware"]["threads"] == 1
    log = (begun.run / "train.log").read_text()
    assert log.count("the last bits may be others than before") == 1
    assert "the run is another than if it had not been changed: threads: was 3" in log
    assert begun.record()["changes"][-1]["what"] == "threads"


def test_hardware_that_is_not_here_is_asked_for(begun: Begun) -> None:
    record = read_record(begun.run)
    assert record is not None
    assert record.hardware is not None
    write_record(
        begun.run, replace(record, hardware=replace(record.hardware, precision="16-mixed"))
    )
    arguments = [*begun.places(), "trainer.max_steps=3"]
    with pytest.raises(ConfigError, match="trainer.precision=VALUE allow_changes=.precision."):
        resume_run(begun.run, arguments)
    allowed = "allow_changes=[precision]"
    with pytest.raises(ConfigError, match="trainer.precision=32-true: a resumed run keeps"):
        resume_run(begun.run, [*arguments, "trainer.precision=32-true"])
    resume_run(begun.run, [*arguments, "trainer.precision=32-true", allowed])
    assert begun.record()["hardware"]["precision"] == "32-true"


@pytest.mark.parametrize("option", MAY_CHANGE)
def test_a_resumed_run_may_change_some_options(option: str) -> None:
    from seq2seq.data.corpora import Multi30kConfig

    config: Any = RunConfig(data=Multi30kConfig())
    values = {"trainer.accelerator": "cpu", "trainer.evaluate": "false", "imports": "[a]"}
    override = f"{option}={values.get(option, '7')}"
    changed: Any = apply_overrides(config, Resumption([override], frozenset()))
    for name in option.split("."):
        changed, config = getattr(changed, name), getattr(config, name)
    assert changed != config


@pytest.mark.parametrize(
    "override", ["seed=2", "trainer.max_step=9", "trainer.max_steps", "+trainer.max_steps=9"]
)
def test_a_resumed_run_keeps_all_others(override: str) -> None:
    config = RunConfig(data=GeneratedConfig())
    with pytest.raises(ConfigError, match="a resumed run keeps its configuration") as error:
        apply_overrides(config, Resumption(["trainer.max_steps=9", override], frozenset()))
    assert str(error.value).startswith(f"{override}: ")


def test_every_option_has_a_category() -> None:
    keys = {option.path for option in every_option()}
    assert {category_of(key) for key in keys} == {*CATEGORIES} - {"imports", "base_weights"}
    assert category_of("data.batch.max_tokens") == "batching"
    assert category_of("data.tokenizer.vocab_size") == "tokenizer"
    assert category_of("data.filters.min_length") == "data"


def test_changes_are_allowed_by_category() -> None:
    assert allowed_categories(["seed=1", "allow_changes=[data, model]"]) == (
        ["seed=1"],
        {"data", "model"},
    )
    assert allowed_categories(["allow_changes=data"])[1] == {"data"}
    with pytest.raises(ConfigError, match="did you mean data"):
        allowed_categories(["allow_changes=[date]"])
    with pytest.raises(ConfigError, match="allow_changes: is read only together with resume=DIR"):
        resume_command(["allow_changes=[data]"])


def test_a_run_that_is_not_there_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        resume_run(tmp_path / "run", [])
