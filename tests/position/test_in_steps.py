"""Positions in decoding steps, of one token or several, are those of the whole sequence."""

from dataclasses import replace

import pytest
import torch

from seq2seq.attention.catalogue import FullConfig
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import build_transformer
from seq2seq.padding import Tokens
from seq2seq.position.config import POSITION_SCHEMES

CONFIG = ModelConfig(
    d_model=16,
    num_heads=2,
    d_ff=16,
    encoder=EncoderConfig(num_layers=1, self_attention=FullConfig()),
    decoder=DecoderConfig(num_layers=2, self_attention=FullConfig(), cross_attention=FullConfig()),
    max_source_length=40,
    max_target_length=40,
)


@pytest.mark.parametrize("scheme", POSITION_SCHEMES)
@pytest.mark.parametrize("sizes", [[1] * 12, [3, 1, 1, 7], [12]], ids=str)
@torch.no_grad()
def test_logits_of_steps_are_those_of_the_whole(scheme: str, sizes: list[int]) -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, position=POSITION_SCHEMES[scheme]())
    model = build_transformer(config, source=VocabularySpec(30), target_vocab_size=30).eval()
    for parameter in model.parameters():
        parameter.mul_(2)  # attention far from uniform, so that positions matter
    source = Tokens.of([[5, 6, 7, 3], [8, 3]], pad_id=1)
    target = torch.randint(4, 30, (2, 12))
    encoded = model.encode(source)
    whole = model.output(model.decoder_states(Tokens.of(target.tolist(), pad_id=1), encoded)[0])
    state = model.start(encoded, capacity=12)
    logits = torch.cat([model.decode_step(ids, state) for ids in target.split(sizes, dim=1)], dim=1)
    torch.testing.assert_close(logits, whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scheme", [name for name in POSITION_SCHEMES if name != "none"])
@torch.no_grad()
def test_an_encoder_with_positions_distinguishes_orders(scheme: str) -> None:
    """One without positions returns the same states in another order."""
    torch.manual_seed(0)
    states = {}
    for name in (scheme, "none"):
        config = replace(CONFIG, position=POSITION_SCHEMES[name]())
        model = build_transformer(config, source=VocabularySpec(30), target_vocab_size=30).eval()
        for parameter in model.parameters():
            parameter.mul_(2)
        order = [4, 2, 0, 1, 3]
        plain, mixed = (
            model.encode(Tokens.of([ids], pad_id=1)).states
            for ids in ([5, 6, 7, 8, 9], [9, 7, 5, 6, 8])
        )
        states[name] = float((plain[:, order] - mixed).abs().max())
    assert states["none"] < 1e-4 < 1e-2 < states[scheme]
