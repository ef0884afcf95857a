"""`trainer.precision=auto` takes bfloat16 where the hardware is made for it, and says why."""

import pytest
import torch

from seq2seq.training.config import PRECISIONS
from seq2seq.training.precision import choose_precision


@pytest.mark.parametrize(
    ("capabilities", "name", "reason"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bf16-mixed", "tile units"),
        ({"amx_bf16": False, "avx512_bf16": True}, "bf16-mixed", "dot products"),
        (
            {"amx_bf16": False, "avx512_bf16": False},
            "32-true",
            "not known to be faster on this cpu",
        ),
        ({}, "32-true", "not known to be faster on this cpu"),
    ],
)
def test_auto_on_a_processor(
    capabilities: dict[str, bool], name: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    chosen, why = choose_precision("auto", "cpu")
    assert chosen == name and reason in why


@pytest.mark.parametrize(("fast", "name"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_on_a_gpu(fast: bool, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast)
    assert choose_precision("auto", "cuda")[0] == name


@pytest.mark.parametrize("precision", sorted(set(PRECISIONS) - {"auto"}))
def test_a_configured_precision_is_obeyed(precision: str) -> None:
    assert choose_precision(precision, "cpu") == (PRECISIONS[precision], "as configured")
