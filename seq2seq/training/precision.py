"""The numbers that products are computed in."""

import torch

from seq2seq.training.config import PRECISIONS

CPU_UNITS = {"amx_bf16": "tile units (AMX)", "avx512_bf16": "dot products (AVX-512)"}


def choose_precision(asked: str, accelerator: str) -> tuple[str, str]:
    """Lightning's name of the precision to train in, and why.

    Args:
        asked: a key of PRECISIONS.
        accelerator: "cpu", "cuda", "mps", ...: where training will run.

    `auto` takes bfloat16 for matrix products where the hardware has units for them (AMX tiles or AVX-512 dot products
    on a CPU, tensor cores on a GPU) and float32 elsewhere; parameters, softmax, normalisation and loss are float32 in
    both.
    """
    name = PRECISIONS[asked]
    if name != "auto":
        return name, "as configured"
    if accelerator == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return (
            ("bf16-mixed", "this GPU computes it")
            if fast
            else ("32-true", "this GPU has no bfloat16 units")
        )
    if accelerator == "cpu":
        found = torch.cpu.get_capabilities()
        for unit, words in CPU_UNITS.items():
            if found.get(unit, False):
                return "bf16-mixed", f"this processor has bfloat16 {words}"
    return "32-true", f"bfloat16 is not known to be faster on this {accelerator}"
