import pytest

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.options import problems_in


def test_defaults_have_no_problems() -> None:
    assert AlignmentConfig().problems() == []
    assert (
        AlignmentConfig(enabled=True, layer=-3, heads=[0, 2], method=LinkMethod.mutual).problems()
        == []
    )


@pytest.mark.parametrize(
    ("config", "option"),
    [
        (AlignmentConfig(heads=[-1]), "heads"),
        (AlignmentConfig(heads=[1, 1]), "heads"),
        (AlignmentConfig(method=LinkMethod.threshold, threshold=0.0), "threshold"),
        (AlignmentConfig(method=LinkMethod.threshold, threshold=1.5), "threshold"),
        (AlignmentConfig(threshold=0.3), "threshold"),
        (AlignmentConfig(heatmaps=-1), "heatmaps"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_by_name(config: AlignmentConfig, option: str) -> None:
    (problem,) = problems_in(config)
    assert problem.startswith(f"{option}: ")
