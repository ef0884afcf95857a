"""Weight decay by kind of parameter, and optimizer states of version 0.1.0."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.model.config import Normalization, TiedEmbeddings
from seq2seq.model.frontend import FeatureSpec, VocabularySpec
from seq2seq.model.transformer import build_transformer
from seq2seq.position.config import POSITION_SCHEMES, PositionConfig, SinusoidalConfig
from seq2seq.training.optimizer import build_optimizer, decay_groups
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig
from tests.training.tiny import tiny_model

MECHANISM_CASES = [(kind(), SinusoidalConfig()) for _, kind in MECHANISMS.items()]
POSITION_CASES = [(MECHANISMS["full"](), kind()) for _, kind in POSITION_SCHEMES.items()]


def model_of(
    mechanism: AttentionConfig,
    position: PositionConfig,
    *,
    normalization: Normalization = Normalization.layer_norm,
    features: bool = False,
) -> nn.Module:
    """One layer a side with a mechanism in every role that it serves."""
    config = tiny_model().config

    def serve(role: Role) -> AttentionConfig:
        return mechanism if role in mechanism.roles else MECHANISMS["full"]()

    config = replace(
        config,
        position=position,
        normalization=normalization,
        encoder=replace(config.encoder, self_attention=serve(Role.ENCODER)),
        decoder=replace(
            config.decoder,
            self_attention=serve(Role.CAUSAL),
            cross_attention=serve(Role.CROSS),
        ),
    )
    source = FeatureSpec(5) if features else VocabularySpec(30)
    return build_transformer(config, source=source, target_vocab_size=30, seed=1)


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("normalization", list(Normalization))
@pytest.mark.parametrize(
    ("mechanism", "position"), MECHANISM_CASES + POSITION_CASES, ids=lambda config: config.name
)
def test_the_groups_are_those_of_version_0_1_0(
    mechanism: AttentionConfig,
    position: PositionConfig,
    normalization: Normalization,
    features: bool,
) -> None:
    """That version gave decay to all parameters with more than one dimension."""
    model = model_of(mechanism, position, normalization=normalization, features=features)
    parameters = dict(model.named_parameters())
    matrices = [name for name, parameter in parameters.items() if parameter.dim() > 1]
    vectors = [name for name, parameter in parameters.items() if parameter.dim() <= 1]
    with_decay, without_decay = decay_groups(model)
    assert [name for name, _ in with_decay] == matrices
    assert [name for name, _ in without_decay] == vectors
    assert all(parameters[name] is x for name, x in with_decay + without_decay)


def test_the_kind_decides_and_not_the_number_of_dimensions() -> None:
    """Parameters that a sharding strategy has flattened keep their kind."""
    model = nn.ModuleDict({"linear": nn.Linear(2, 3), "norm": nn.LayerNorm([2, 2])})
    model["linear"].weight = nn.Parameter(torch.zeros(6))
    with_decay, without_decay = decay_groups(model)
    assert [name for name, _ in with_decay] == ["linear.weight"]
    assert [name for name, _ in without_decay] == ["linear.bias", "norm.weight", "norm.bias"]


def test_shared_and_frozen_parameters() -> None:
    model = tiny_model(tied_embeddings=TiedEmbeddings.all)
    for parameter in model.encoder.parameters():
        parameter.requires_grad = False
    names = [name for group in decay_groups(model) for name, _ in group]
    assert len(names) == len(set(names)) == sum(x.requires_grad for x in model.parameters())
    assert not any(name.startswith("encoder.") for name in names)


def test_options_reach_the_optimizer_and_groups_hold_names() -> None:
    config = OptimizerConfig(
        matrices=Matrices.adamw,
        learning_rate=0.5,
        beta1=0.6,
        beta2=0.7,
        epsilon=1e-3,
        weight_decay=0.25,
    )
    model = tiny_model()
    optimizer = build_optimizer(model, config)
    decay, no_decay = optimizer.param_groups
    for group, weight_decay in ((decay, 0.25), (no_decay, 0.0)):
        assert group["lr"] == 0.5 and group["betas"] == (0.6, 0.7) and group["eps"] == 1e-3
        assert group["weight_decay"] == weight_decay
    names = decay["param_names"] + no_decay["param_names"]
    assert sorted(names) == sorted(dict(model.named_parameters()))


def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = torch.full_like(parameter, float(number + 1))
    optimizer.step()


def test_a_state_of_version_0_1_0_is_loaded() -> None:
    """It has no names, and groups by the number of dimensions."""
    config = OptimizerConfig(matrices=Matrices.adamw, weight_decay=0.1)
    old, new = tiny_model(), tiny_model()
    parameters = list(old.parameters())
    old_optimizer = torch.optim.AdamW(
        [
            {"params": [x for x in parameters if x.dim() > 1], "weight_decay": 0.1},
            {"params": [x for x in parameters if x.dim() <= 1], "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )
    step(old, old_optimizer)
    new.load_state_dict(old.state_dict())
    optimizer = build_optimizer(new, config)
    optimizer.load_state_dict(copy.deepcopy(old_optimizer.state_dict()))
    step(old, old_optimizer)
    step(new, optimizer)
    assert all(map(torch.equal, old.parameters(), new.parameters()))
    assert optimizer.param_groups[0]["param_names"]
