"""The numbers that products are computed in."""

import torch

from seq2seq.training.config import PRECISIONS


def choose_precision(asked: str, accelerator: str) -> tuple[str, str]:
    """Lightning's name of the precision to train in, and why.

    Args:
        asked: a key of PRECISIONS.
        accelerator: "cpu", "cuda", "mps", ...: where training will run.

    `auto` takes bfloat16 for matrix products where the hardware has units for them (AMX tiles on a CPU, tensor cores
    on a GPU) and float32 elsewhere; parameters, softmax, normalisation and loss are float32 in both.
    """
    name = PRECISIONS[asked]
    if name != "auto":
        return name, "as configured"
    if accelerator == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16-mixed", "this GPU computes it") if fast else ("32-true", "this GPU has no bfloat16 units")
    if accelerator == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False):
        return "bf16-mixed", "this processor has bfloat16 tile units (AMX)"
    return "32-true", f"bfloat16 is not known to be faster on this {accelerator}"
