"""What stands is replaced only where this project wrote it; links to other disks are followed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seq2seq.bench.attention import run_benchmark
from seq2seq.bench.plan import Settings
from seq2seq.bundle.files import load_bundle, write_bundle
from seq2seq.config.schema import RunConfig
from seq2seq.errors import UserError
from seq2seq.files import ensure_replaceable_json, replaceable_folder
from seq2seq.folder.directory import INITIAL
from seq2seq.run.init_from import keep_initial
from tests.results.bundles import make_run, train_tokenizers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    return make_run(folder / "run", train_tokenizers(folder))


def bundle_to(run: Path, path: Path) -> None:
    bundle = load_bundle(run)
    write_bundle(path, bundle.config, bundle.model, bundle.tokenizers, bundle.held_out, {})


def initial_to(run: Path, path: Path) -> None:
    assert path.name == INITIAL
    keep_initial(replace(RunConfig(), init_from=str(run)), path.parent)


def benchmark_to(run: Path, path: Path) -> None:
    run_benchmark(Settings(mechanisms=("full",)), path)


FOLDERS = {"model": bundle_to, INITIAL: initial_to}
Write = Callable[[Path, Path], None]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_somebody_else_stays(run: Path, tmp_path: Path, name: str) -> None:
    mine = tmp_path / name / "diary"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="was not written by this command, and is not replaced"):
        FOLDERS[name](run, tmp_path / name)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]


@pytest.mark.parametrize("name", FOLDERS)
def test_links_are_followed_and_what_was_written_is_replaced(
    run: Path, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "disk" / "place"
    place.mkdir(parents=True)
    (tmp_path / name).symlink_to(place)
    for _ in range(2):
        FOLDERS[name](run, tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (place / "manifest.json").is_file()
        assert [path.name for path in place.parent.iterdir()] == ["place"]
        assert len(load_bundle(tmp_path / name).held_out) == 1


@pytest.mark.parametrize("content", ["mine", "[]", '{"cells": []}', "{"])
def test_a_file_of_somebody_else_stays(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="does not hold cells, steps"):
        benchmark_to(tmp_path, path)
    assert path.read_text(encoding="utf-8") == content


def test_what_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "file"
    ensure_replaceable_json(file, ["a"])
    file.touch()
    ensure_replaceable_json(file, ["a"])
    file.write_text('{"a": 1, "b": 2}', encoding="utf-8")
    ensure_replaceable_json(file, ["a"])
    with pytest.raises(UserError, match="is no folder"):
        replaceable_folder(file, ["a"])
    assert replaceable_folder(tmp_path / "new", ["a"]) == tmp_path / "new"
    assert replaceable_folder(tmp_path, ["file"]) == tmp_path
