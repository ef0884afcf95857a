import pytest
import torch

from seq2seq.alignment.config import LinkMethod
from seq2seq.alignment.links import parse_links
from seq2seq.alignment.words import between_like_words, hard_links, marks, word_weights
from seq2seq.data.words import NO_WORD
from seq2seq.errors import ConfigError


def test_an_example_worked_by_hand() -> None:
    """Target a1 a2 b </s>, source x1 x2 y </s>: sums over columns, means over rows."""
    weights = torch.tensor(
        [
            [0.1, 0.2, 0.3, 0.4],
            [0.5, 0.1, 0.2, 0.2],
            [0.0, 0.25, 0.5, 0.25],
            [0.25, 0.25, 0.25, 0.25],
        ]
    )
    words = word_weights(weights, [0, 0, 1, NO_WORD], [0, 0, 1, NO_WORD], 2, 2)
    torch.testing.assert_close(words, torch.tensor([[0.45, 0.25], [0.25, 0.5]]))
    words = word_weights(weights, [0, 0, 1, NO_WORD], [0, 0, 1, NO_WORD], 2, 2, source_mean=True)
    torch.testing.assert_close(words, torch.tensor([[0.225, 0.25], [0.125, 0.5]]))


def test_words_equal_the_definition_on_random_weights() -> None:
    torch.manual_seed(0)
    target, source = [0, 0, 2, 3, 3, 3, NO_WORD], [NO_WORD, 1, 1, 0, 3]
    weights = torch.rand(2, 3, 7, 5, dtype=torch.float64)
    words = word_weights(weights, target, source, 4, 4)
    assert words.shape == (2, 3, 4, 4)
    for i in range(4):
        for j in range(4):
            rows = [t for t in range(7) if target[t] == i]
            columns = [s for s in range(5) if source[s] == j]
            expected = sum(
                (weights[:, :, t, s] for t in rows for s in columns), torch.zeros(2, 3)
            ) / max(len(rows), 1)
            torch.testing.assert_close(words[:, :, i, j], expected.double())
            mean = word_weights(weights, target, source, 4, 4, source_mean=True)[:, :, i, j]
            torch.testing.assert_close(mean, expected.double() / max(len(columns), 1))


def test_rows_keep_the_attention_that_fell_on_words() -> None:
    weights = torch.rand(6, 8).softmax(-1)
    everything = word_weights(weights, [0, 0, 1, 1, 1, 2], [0, 1, 1, 2, 3, 3, 3, 4], 3, 5)
    torch.testing.assert_close(everything.sum(-1), torch.ones(3))


def test_weights_of_special_tokens_are_never_read() -> None:
    weights = torch.ones(2, 2) / 2
    weights[1] = weights[:, 1] = float("nan")
    assert word_weights(weights, [0, NO_WORD], [0, NO_WORD], 1, 1).tolist() == [[0.5]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_summed_in_single(dtype: torch.dtype) -> None:
    weights = torch.full((1, 3000), 1 / 4096, dtype=dtype)
    words = word_weights(weights, [0], [0] * 3000, 1, 1)
    assert words.dtype is torch.float32
    assert words.item() == pytest.approx(3000 / 4096)


def test_sentences_without_words_give_empty_tables() -> None:
    assert word_weights(torch.ones(1, 1), [NO_WORD], [NO_WORD], 0, 0).shape == (0, 0)
    for method in LinkMethod:
        assert (
            hard_links(torch.zeros(0, 3), method, 0.5)
            == hard_links(torch.zeros(3, 0), method, 0.5)
            == frozenset()
        )


def test_weights_that_do_not_fit_their_words_are_a_programming_error() -> None:
    with pytest.raises(AssertionError):
        word_weights(torch.ones(2, 2), [0], [0, 1], 1, 2)
    with pytest.raises(AssertionError):
        word_weights(torch.ones(1, 1), [1], [0], 1, 1)


# 3 target words by 3 source words
TABLE = torch.tensor([[0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0.1, 0.4, 0.5]])


@pytest.mark.parametrize(
    ("method", "threshold", "expected"),
    [
        (LinkMethod.argmax, 0.0, "0-0 0-1 2-2"),
        (LinkMethod.argmax, 0.6, "0-0 0-1 2-2"),
        (LinkMethod.threshold, 0.65, "0-1"),
        (LinkMethod.threshold, 0.3, "0-0 1-0 0-1 1-2 2-2"),
        # The best target word of source word 1 is 2, whose best source word is 2.
        (LinkMethod.mutual, 0.0, "0-1 2-2"),
    ],
)
def test_links_worked_by_hand(method: LinkMethod, threshold: float, expected: str) -> None:
    assert hard_links(TABLE.double(), method, threshold) == parse_links(expected)


@pytest.mark.parametrize("method", LinkMethod)
def test_target_words_that_are_rather_null_have_no_link(method: LinkMethod) -> None:
    """Null probabilities of 0.5, 0.3, 0.4 and 0.8; the second source word has two subwords."""
    probabilities = torch.tensor([[0.4, 0.1], [0.1, 0.6], [0.4, 0.2], [0.2, 0.0]])
    weights = probabilities / torch.tensor([1.0, 2.0])
    everything = hard_links(weights, method, 0.05)
    links = hard_links(weights, method, 0.05, probabilities=probabilities)
    assert links == everything & {(1, 1), (0, 2)}
    assert links


def test_a_weight_equal_to_the_threshold_is_enough() -> None:
    assert hard_links(torch.tensor([[0.25, 0.75]]), LinkMethod.threshold, 0.25) == parse_links(
        "0-0 1-0"
    )


def test_words_and_punctuation_marks_are_no_candidates_for_each_other() -> None:
    source, target = ["▁it", "s", "▁!", "</s>"], ["▁¡", "▁es", "."]
    found = marks(target, [0, 1, 2]), marks(source, [0, 0, 1, NO_WORD])
    assert found == ({0, 2}, {1})
    weights = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])
    like = between_like_words(weights, *found)
    torch.testing.assert_close(like, torch.tensor([[0.0, 0.3], [0.4, 0.0], [0.0, 0.1]]))
    assert hard_links(like, LinkMethod.argmax, 0.0) == {(1, 0), (0, 1), (1, 2)}


def test_the_first_of_equal_weights_wins() -> None:
    assert hard_links(torch.full((2, 3), 0.25), LinkMethod.argmax, 0) == parse_links("0-0 0-1")
    assert hard_links(torch.full((2, 3), 0.25), LinkMethod.mutual, 0) == parse_links("0-0")


@pytest.mark.parametrize("method", LinkMethod)
def test_words_without_weight_are_never_linked(method: LinkMethod) -> None:
    assert hard_links(torch.zeros(2, 2), method, 0.5) == frozenset()


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.5, float("nan")])
def test_thresholds_without_meaning_are_refused(threshold: float) -> None:
    with pytest.raises(ConfigError, match="threshold"):
        hard_links(TABLE, LinkMethod.threshold, threshold)
