"""Hardware that a run asks for, on machines with and without GPUs."""

from typing import Any

import pytest

from seq2seq.training import hardware
from seq2seq.training.config import Accelerator, Strategy, TrainerConfig
from seq2seq.training.hardware import device_type, devices_of, hardware_problems, num_devices

MACHINES = {
    "laptop": {"cpu": 8, "cuda": 0, "mps": 0},
    "server": {"cpu": 64, "cuda": 4, "mps": 0},
    "mac": {"cpu": 10, "cuda": 0, "mps": 1},
}


@pytest.fixture
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    counts = MACHINES[request.param]
    monkeypatch.setattr(hardware, "num_devices", counts.__getitem__)
    return str(request.param)


@pytest.mark.parametrize(
    ("machine", "accelerator", "device"),
    [
        ("laptop", "auto", "cpu"),
        ("laptop", "cpu", "cpu"),
        ("laptop", "gpu", "cuda"),
        ("server", "auto", "cuda"),
        ("server", "gpu", "cuda"),
        ("server", "cpu", "cpu"),
        ("mac", "auto", "mps"),
        ("mac", "gpu", "mps"),
        ("mac", "cuda", "cuda"),
    ],
    indirect=["machine"],
)
def test_an_accelerator_means_a_type_of_device(machine: str, accelerator: str, device: str) -> None:
    assert device_type(Accelerator(accelerator)) == device


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("auto", "auto"),
        ("1", 1),
        ("12", 12),
        ("-1", -1),
        ("0,", [0]),
        ("0,3", [0, 3]),
        ("[2]", [2]),
        ("[2,0]", [2, 0]),
    ],
)
def test_devices_are_a_count_or_numbers(text: str, devices: Any) -> None:
    assert TrainerConfig(devices=text).problems() == []
    assert devices_of(TrainerConfig(devices=text)) == devices


POSSIBLE = [
    ("laptop", {}),
    ("laptop", {"devices": "auto"}),
    ("laptop", {"devices": "2", "strategy": Strategy.ddp}),
    ("laptop", {"accelerator": Accelerator.cpu, "precision": "bf16"}),
    ("server", {"devices": "auto", "strategy": Strategy.ddp, "precision": "16-mixed"}),
    ("server", {"devices": "-1"}),
    ("server", {"devices": "4"}),
    ("server", {"devices": "0,3"}),
    ("mac", {}),
]


@pytest.mark.parametrize(("machine", "options"), POSSIBLE, indirect=["machine"])
def test_what_is_here_is_accepted(machine: str, options: dict[str, Any]) -> None:
    assert list(hardware_problems(TrainerConfig(**options))) == []


IMPOSSIBLE = [
    ("laptop", {"accelerator": Accelerator.gpu}, "accelerator"),
    ("laptop", {"accelerator": Accelerator.cuda, "devices": "3"}, "accelerator"),
    ("laptop", {"accelerator": Accelerator.mps}, "accelerator"),
    ("mac", {"accelerator": Accelerator.cuda}, "accelerator"),
    ("laptop", {"devices": "9"}, "devices"),
    ("laptop", {"devices": "9999"}, "devices"),
    ("laptop", {"devices": "-1"}, "devices"),
    ("laptop", {"devices": "0,1"}, "devices"),
    ("server", {"devices": "5"}, "devices"),
    ("server", {"devices": "3,4"}, "devices"),
    ("mac", {"devices": "2"}, "devices"),
    ("laptop", {"precision": "16-mixed"}, "precision"),
    ("mac", {"strategy": Strategy.ddp}, "strategy"),
]


@pytest.mark.parametrize(("machine", "options", "option"), IMPOSSIBLE, indirect=["machine"])
def test_what_is_not_here_is_refused_in_one_message(
    machine: str, options: dict[str, Any], option: str
) -> None:
    (problem,) = hardware_problems(TrainerConfig(**options))
    assert problem.startswith(f"trainer.{option}: ")
    assert "; choose" in problem


def test_this_machine() -> None:
    assert num_devices("cpu") >= 8
    assert num_devices("cuda") >= 0 and num_devices("mps") in (0, 1)
    assert list(hardware_problems(TrainerConfig())) == []
