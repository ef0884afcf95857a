"""The precision of matrix products."""

import torch

from seq2seq.training.config import PRECISIONS

CPU_UNITS = {"amx_bf16": "tile units (AMX)", "avx512_bf16": "dot products (AVX-512)"}


def choose_precision(option: str, device: str) -> tuple[str, str]:
    """Lightning's name of the precision to train in, and the reason.

    `auto` takes bfloat16 for matrix products where the hardware has units for it (AMX tiles or
    AVX-512 dot products on a CPU, tensor cores on a GPU) and float32 elsewhere. Parameters,
    softmax, normalisation and loss are float32 in both cases.

    Args:
        option: `trainer.precision`, a key of PRECISIONS.
        device: type of the device, such as "cpu" or "cuda".
    """
    name = PRECISIONS[option]
    if name != "auto":
        return name, "as configured"
    if device == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return (
            ("bf16-mixed", "this GPU computes it")
            if fast
            else ("32-true", "this GPU has no bfloat16 units")
        )
    if device == "cpu":
        capabilities = torch.cpu.get_capabilities()
        for unit, words in CPU_UNITS.items():
            if capabilities.get(unit, False):
                return "bf16-mixed", f"this processor has bfloat16 {words}"
    return "32-true", f"bfloat16 is not known to be faster on this {device}"
