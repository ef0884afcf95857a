"""Which process is the first, for every way of starting several."""

import pytest

from seq2seq.processes import is_first_process, is_rank

LAUNCHERS: dict[str, tuple[dict[str, str], bool, bool]] = {  # environment, first, one of several
    "none": ({}, True, False),
    "first rank": ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True, True),
    "second rank": ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, False, True),
    "second machine": ({"NODE_RANK": "1"}, False, False),
    "torchrun, first": (
        {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "LOCAL_RANK": "0"},
        True,
        True,
    ),
    "torchrun, second machine": (
        {"TORCHELASTIC_RUN_ID": "x", "RANK": "4", "LOCAL_RANK": "0"},
        False,
        True,
    ),
    "srun, first": ({"SLURM_NTASKS": "2", "SLURM_PROCID": "0"}, True, True),
    "srun, second": ({"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}, False, True),
    "sbatch, one task": ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, True, False),
    "sbatch, interactive": (
        {"SLURM_NTASKS": "2", "SLURM_PROCID": "0", "SLURM_JOB_NAME": "bash"},
        True,
        False,
    ),
    "a rank in a SLURM job": (
        {"SLURM_NTASKS": "2", "SLURM_PROCID": "0", "LOCAL_RANK": "1"},
        False,
        True,
    ),
}
VARIABLES = {name for environment, _, _ in LAUNCHERS.values() for name in environment}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_the_first_process(monkeypatch: pytest.MonkeyPatch, launcher: str) -> None:
    environment, first, one_of_several = LAUNCHERS[launcher]
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (is_first_process(), is_rank()) == (first, one_of_several)
