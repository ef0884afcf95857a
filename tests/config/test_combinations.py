"""Validation refuses exactly the combinations of mechanisms and positions that cannot work."""

from seq2seq.attention.config import Role
from seq2seq.config.schema import RunConfig
from seq2seq.config.validate import validate
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.errors import ConfigError
from seq2seq.model.config import DecoderConfig, EncoderConfig, ModelConfig
from tests.combinations import Combination, every_combination, legal_combinations


def problems(combination: Combination) -> list[str]:
    chosen = dict(combination.choices())
    model = ModelConfig(
        position=combination.scheme(),
        encoder=EncoderConfig(1, chosen[Role.ENCODER]),
        decoder=DecoderConfig(1, chosen[Role.CAUSAL], chosen[Role.CROSS]),
    )
    try:
        validate(RunConfig(model=model, data=GeneratedConfig()))
    except ConfigError as error:
        return error.problems
    return []


def test_exactly_the_legal_combinations_are_accepted() -> None:
    """Every fault is named once, all in one message. `pytest -rP` shows the numbers."""
    for combination in every_combination():
        refusals = problems(combination)
        misplaced = [
            f"{config.name} cannot serve as {role.value}"
            for role, config in combination.choices()
            if role not in config.roles
        ]
        lost = [f"model.position: {combination.position}" for _ in combination.lost_positions()]
        assert len(refusals) == len(misplaced) + len(lost), (combination, refusals)
        for expected in misplaced + lost:
            assert any(expected in problem for problem in refusals), (combination, refusals)
        assert combination.legal == (not refusals)
    total, legal = len(every_combination()), len(legal_combinations())
    offered = sum(combination.offered for combination in every_combination())
    print(f"{total:,} combinations of names, {offered:,} of them offered by the command line")
    print(f"{legal:,} legal, {total - legal:,} refused")
    assert legal > 0
