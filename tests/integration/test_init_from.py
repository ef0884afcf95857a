"""A new run starts with the weights and vocabulary of a finished run, on any corpus."""

from pathlib import Path

from safetensors.torch import load_file

from tests.integration.commands import TINY, Run


def test_a_step_too_small_to_see_leaves_the_weights_of_the_run(
    run: Run, finished_run: Path, tmp_path: Path
) -> None:
    small = [
        "optimizer.learning_rate=1e-9",
        "data.seed=5",
        "optimizer.muon.learning_rate=1e-9",
        "trainer.max_steps=2",
        "trainer.checkpoint_every=1",
    ]
    done = run(
        "train.py", *TINY, *small, f"init_from={finished_run}", f"hydra.run.dir={tmp_path / 'run'}"
    )
    assert done.returncode == 0, done.stderr
    before, after = (
        load_file(folder / "model" / "model.safetensors")
        for folder in (finished_run, tmp_path / "run")
    )
    assert before.keys() == after.keys()
    assert all(before[name].allclose(after[name], atol=1e-6) for name in before)
    tokenizers = [
        folder / "model" / "tokenizer" / "joint.model"
        for folder in (finished_run, tmp_path / "run")
    ]
    assert tokenizers[0].read_bytes() == tokenizers[1].read_bytes()


def test_another_model_is_refused(run: Run, finished_run: Path, tmp_path: Path) -> None:
    done = run(
        "train.py",
        *TINY,
        "model.d_ff=32",
        f"init_from={finished_run}",
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    assert done.returncode == 2
    assert f"model.d_ff: must be 64, as in {finished_run}, not 32" in done.stderr
    assert "Traceback" not in done.stderr
