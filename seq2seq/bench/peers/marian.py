"""MarianMT of the transformers library in the sizes of a request, for the plain loop.

It runs in the environment of the peer, and imports nothing of this package.
"""

from typing import Any

from torch import Tensor, nn


class MarianLogits(nn.Module):
    """Ids of sources (B, S) and of decoder inputs (B, T) to logits (B, T, V)."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        from transformers import MarianConfig, MarianMTModel

        super().__init__()
        config = MarianConfig(
            vocab_size=sizes["vocab_size"],
            d_model=sizes["d_model"],
            encoder_layers=sizes["encoder_layers"],
            decoder_layers=sizes["decoder_layers"],
            encoder_attention_heads=sizes["heads"],
            decoder_attention_heads=sizes["heads"],
            encoder_ffn_dim=sizes["d_ff"],
            decoder_ffn_dim=sizes["d_ff"],
            dropout=sizes["dropout"],
            activation_dropout=sizes["dropout"],
            attention_dropout=0.0,
            activation_function="relu",
            max_position_embeddings=sizes["max_length"],
            scale_embedding=True,
            pad_token_id=sizes["pad_id"],
            bos_token_id=sizes["bos_id"],
            eos_token_id=sizes["eos_id"],
            decoder_start_token_id=sizes["bos_id"],
            forced_eos_token_id=None,
            use_cache=False,
            attn_implementation="sdpa",
        )
        self.pad_id = sizes["pad_id"]
        self.model = MarianMTModel(config)

    def forward(self, source_ids: Tensor, inputs: Tensor) -> Tensor:
        output = self.model(
            input_ids=source_ids,
            attention_mask=(source_ids != self.pad_id).long(),
            decoder_input_ids=inputs,
        )
        logits: Tensor = output.logits
        return logits


def marian_model(sizes: dict[str, Any]) -> MarianLogits:
    """The model of a request."""
    return MarianLogits(sizes)
