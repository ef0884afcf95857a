"""What `train -m` plans: cells, folders, what is left out, and what each cell's command gets."""

import os
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins

import hydra_plugins
from seq2seq.config.grid import Cell, Grid
from seq2seq.config.groups import CONF
from seq2seq.config.hydra_cells import child_arguments
from seq2seq.config.overrides import with_quoted_paths
from seq2seq.config.schema import RunConfig
from seq2seq.config.schemas import register_schemas
from seq2seq.config.store import run_command
from seq2seq.errors import ConfigError

PLUGIN = "hydra_plugins.seq2seq_tests"


class Planned:
    """Keeps the grid, and trains nothing."""

    grid: Grid

    def run(self, grid: Grid) -> None:
        self.grid = grid

    def launch(self, grid: Grid, launch: Callable[[list[Cell]], None]) -> None:
        self.grid = grid
        launch(grid.cells)

    def run_cell(
        self, config: RunConfig, folder: Path, overrides: Sequence[str], arguments: Sequence[str]
    ) -> float:
        (folder / "trained").write_text(" ".join(overrides))
        return float(config.seed)


def planned(*arguments: str) -> Grid:
    """The grid of a command line."""
    sweeping = Planned()

    def task(config: RunConfig, folder: Path, overrides: list[str]) -> None:
        raise AssertionError("a single run")

    run_command("train", task, arguments, relaunch=[], sweeping=sweeping)
    return sweeping.grid


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    return tmp_path


def test_cells_are_named_by_what_they_are(working_folder: Path) -> None:
    grid = planned("seed=1,2", "name=mine", "-m", "encoder_attention=local", "sweep.jobs=2")
    assert grid.folder == working_folder / "outputs" / "mine" / "sweep"
    assert [cell.folder.relative_to(grid.folder).name for cell in grid.cells] == [
        "seed-1",
        "seed-2",
    ]
    assert grid.cells[1].settings == {"seed": "2"}
    assert grid.cells[1].config.seed == 2
    assert grid.cells[1].config.model.encoder.self_attention.name == "local"
    assert set(grid.cells[1].overrides) == {"seed=2", "name=mine", "encoder_attention=local"}
    assert grid.jobs == 2
    assert "hydra.mode=RUN" in grid.arguments


def test_what_cannot_be_composed_is_left_out() -> None:
    grid = planned("-m", "decoder_attention=full,linformer", "cross_attention=full,local")
    assert [cell.name for cell in grid.cells] == [
        "decoder_attention-full--cross_attention-full--seed-1"
    ]
    assert len(grid.left_out) == 3
    assert any("cannot serve as" in text for text in grid.left_out[0].problems)


def test_a_sweep_without_a_cell_is_refused_with_each_reason_once() -> None:
    with pytest.raises(ConfigError) as refused:
        planned("-m", "modle.dropout=0.1", "seed=1,2")
    assert len(refused.value.problems) == 1
    assert "modle" in str(refused.value)


def test_the_grid_of_the_ablation() -> None:
    grid = planned("experiment=ablate_attention")
    assert not grid.left_out
    assert len(grid.cells) == 29
    for cell in grid.cells:
        model = cell.config.model
        chosen = [
            model.encoder.self_attention,
            model.decoder.self_attention,
            model.decoder.cross_attention,
        ]
        assert [attention.name for attention in chosen].count("full") >= 2
        assert cell.config.trainer.num_threads == 1
    narrow = planned(
        *("experiment=ablate_attention", "encoder_attention=full,gla", "decoder_attention=full"),
        *("cross_attention=full", "position=sinusoidal,rope", "seed=2"),
    )
    assert [cell.name for cell in narrow.cells] == [
        "baseline--seed-2",
        "encoder_attention-gla--seed-2",
        "position-rope--seed-2",
    ]


@pytest.mark.parametrize(
    ("subdir", "names"),
    [
        ("${hydra.job.override_dirname}", ["model=tiny,seed=1", "model=tiny,seed=2"]),
        ("${hydra.job.num}-${seed}", ["0-1", "1-2"]),
    ],
)
def test_hydras_own_names(working_folder: Path, subdir: str, names: list[str]) -> None:
    places = ["hydra.sweep.dir=${name}/here", f"hydra.sweep.subdir={subdir}"]
    grid = planned("-m", "seed=1,2", "model=tiny", *places)
    assert [cell.folder for cell in grid.cells] == [
        working_folder / "train" / "here" / name for name in names
    ]


def test_cells_of_one_folder_are_refused() -> None:
    with pytest.raises(ConfigError, match="would both be in"):
        planned("-m", "seed=1,2", "hydra.sweep.subdir=same")


def test_a_folder_of_ones_own_options(working_folder: Path) -> None:
    (working_folder / "mine" / "model").mkdir(parents=True)
    (working_folder / "mine" / "model" / "wee.yaml").write_text("d_model: 16\nnum_heads: 2\n")
    grid = planned("-m", "model=wee,tiny", "--config-dir", "mine")
    assert [cell.config.model.d_model for cell in grid.cells] == [16, 128]
    assert grid.arguments[:2] == ["--config-dir", str(working_folder / "mine")]


def test_another_launcher_gets_the_cells(
    working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra's own, under another name, stands for those that are installed."""
    options = working_folder / "mine" / "hydra" / "launcher"
    options.mkdir(parents=True)
    (options / "plain.yaml").write_text(f"_target_: {PLUGIN}.PlainLauncher\n")
    PlainLauncher = type("PlainLauncher", (BasicLauncher,), {"__module__": PLUGIN})
    module = types.ModuleType(PLUGIN)
    monkeypatch.setattr(module, "PlainLauncher", PlainLauncher, raising=False)
    monkeypatch.setitem(sys.modules, PLUGIN, module)
    monkeypatch.setattr(hydra_plugins, "seq2seq_tests", module, raising=False)
    Plugins.instance().register(PlainLauncher)
    grid = planned("-m", "seed=1,2", "hydra/launcher=plain", "--config-dir", "mine")
    assert [(cell.folder / "trained").read_text() for cell in grid.cells] == ["seed=1", "seed=2"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-m", "sweep.jobs=0"], "sweep.jobs: must be at least 1, not 0"),
        (["-m", "sweep.plan=by_rule", "seed=1,2"], "did you mean by_role"),
        (["-m", "model.dropout=interval(0,1)"], "an interval has no cells"),
        (["sweep.jobs=2"], "sweep.jobs: is read only in a sweep; add -m"),
        (["-m", "name=../x"], "name: must have no separator"),
    ],
)
def test_options_that_cannot_be_obeyed(
    arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    with pytest.raises(ConfigError, match=problem):
        planned(*arguments)


def test_a_cell_gets_the_flags_and_options_of_hydra_that_the_sweep_got() -> None:
    typed = ["-m", "--config-dir", "here", "seed=1,2", "-cn", "train", "--config-path=there"]
    of_hydra = ["hydra.sweep.dir=x", "hydra.job.chdir=true", "hydra.mode=MULTIRUN"]
    here, there = os.path.abspath("here"), os.path.abspath("there")
    assert child_arguments(typed, of_hydra) == [
        *("--config-dir", here, "-cn", "train", "--config-path", there),
        *("hydra.sweep.dir=x", "hydra.job.chdir=true", "hydra.mode=RUN"),
    ]


@pytest.mark.parametrize(
    ("path", "flags"),
    [
        ("sweeps/model=tiny,seed=1", []),
        ("sweeps/seed=1", ["-m"]),
        ("sweeps/a,b", []),
        ("sweeps/a,b", ["-m"]),
    ],
)
def test_one_path_needs_no_quotes(working_folder: Path, path: str, flags: list[str]) -> None:
    Path(path).mkdir(parents=True)
    typed = [*flags, f"run={path}", f"output={path}", "seed=1,2"]
    assert with_quoted_paths(typed) == [*flags, f"run='{path}'", f"output='{path}'", "seed=1,2"]


@pytest.mark.parametrize(
    "argument",
    ["run='a=b'", "run=[a=b]", "run=a-b", "compare=[a,b]", "hydra.run.dir=x=${seed}", "seed=1,2"],
)
def test_other_arguments_stay(argument: str) -> None:
    assert with_quoted_paths([argument]) == [argument]
    assert with_quoted_paths(["-m", "run=A,B"]) == ["-m", "run=A,B"]  # two runs


PLUGINS = {
    "hydra_joblib_launcher": ["hydra/launcher=joblib"],
    "hydra_submitit_launcher": ["hydra/launcher=submitit_local"],
    "hydra_ray_launcher": ["hydra/launcher=ray"],
    "hydra_optuna_sweeper": ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2"],
}


@pytest.mark.parametrize(("plugin", "chosen"), PLUGINS.items())
def test_plugins_of_hydra_compose(plugin: str, chosen: list[str]) -> None:
    pytest.importorskip(f"hydra_plugins.{plugin}")
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("train", overrides=chosen, return_hydra_config=True)
    kind = config.hydra.sweeper if "sweeper" in chosen[0] else config.hydra.launcher
    assert plugin in kind._target_
