"""The decoding state of the built-in mechanisms holds what `state` says, in bytes."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.attention.contract.cases import HEAD_DIM, NUM_HEADS, Case
from seq2seq.attention.contract.choices import settings
from seq2seq.padding import Padding
from seq2seq.position.config import NoPositionConfig

LENGTHS = [1, 2, 5, 20, 40, 80]
ROWS = 3
FLOAT32 = 4  # bytes
DECODED = [
    Case(config, role, NoPositionConfig())
    for kind in MECHANISMS.values()
    for config in settings(kind)
    for role in (Role.CAUSAL, Role.CROSS)
    if role in kind.roles
]


TESTED: list[str] = []  # what the tests below hold states to, in the words of `state`


def cases_whose_state_says(words: str) -> Any:
    TESTED.append(words)
    cases = [case for case in DECODED if words in case.config.state]
    return pytest.mark.parametrize("case", cases, ids=str)


@torch.no_grad()
def caches(case: Case) -> list[AttentionCache]:
    """After each of the lengths: target positions appended one by one, or whole sources."""
    core, filled = case.core(), []
    for length in LENGTHS:
        generator = torch.Generator().manual_seed(length)
        widths = case.widths
        k, v = (
            torch.randn(ROWS, case.num_kv_heads, length, width, generator=generator)
            for width in (widths.key, widths.value)
        )
        if case.role is Role.CROSS:
            filled.append(core.source_cache(k, v, Padding(torch.full((ROWS,), length), length)))
            continue
        cache = core.empty_cache(ROWS, capacity=LENGTHS[-1], dtype=v.dtype, device=v.device)
        q = torch.zeros(ROWS, NUM_HEADS, 1, widths.query)
        for t in range(length):
            core.step(q, k[:, :, t : t + 1], v[:, :, t : t + 1], cache)
        filled.append(cache)
    return filled


def sizes(case: Case) -> list[int]:
    """Bytes after each of the lengths, as the cache counts them."""
    return [cache.nbytes() for cache in caches(case)]


def memory(cache: AttentionCache) -> int:
    """Bytes that the tensors of a cache keep in memory; more than their size if they are views."""
    tensors = [x for x in vars(cache).values() if isinstance(x, Tensor) and x.is_floating_point()]
    storages = [x.untyped_storage() for x in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def keys_and_values(case: Case, positions: int) -> int:
    """Bytes of the keys and values of some positions."""
    return 2 * ROWS * case.num_kv_heads * positions * HEAD_DIM * FLOAT32


@cases_whose_state_says("a matrix of head_dim by head_dim")
def test_state_is_a_matrix(case: Case) -> None:
    assert set(sizes(case)) == {ROWS * case.num_kv_heads * HEAD_DIM**2 * FLOAT32}


@cases_whose_state_says("one sum of values")
def test_state_is_a_sum(case: Case) -> None:
    assert set(sizes(case)) == {ROWS * case.num_kv_heads * HEAD_DIM * FLOAT32}


@cases_whose_state_says("two sums over the keys")
def test_state_is_two_sums(case: Case) -> None:
    """Of features of keys, and of their products with values; `performer` scales each feature."""
    features = getattr(case.config, "num_features", HEAD_DIM)
    of_feature = HEAD_DIM + 1 + ("scales" in case.config.state)
    numbers = ROWS * case.num_kv_heads * features * of_feature
    assert set(sizes(case)) == {numbers * FLOAT32}


@cases_whose_state_says("the last 6 deviation + 2 values")
def test_state_is_the_values_nearby(case: Case) -> None:
    most = math.ceil(6 * case.config.deviation) + 2  # type: ignore[attr-defined]
    expected = [keys_and_values(case, min(length, most)) // 2 for length in LENGTHS]
    assert sizes(case) == expected


def test_state_is_all_values() -> None:
    cases = [case for case in DECODED if case.config.state == "values"]
    for case in cases:
        assert sizes(case) == [keys_and_values(case, length) // 2 for length in LENGTHS]
    assert {case.config.name for case in cases} == {"synthesizer"}


def test_what_is_said_of_every_state_is_tested() -> None:
    said = {case.config.state for case in DECODED}
    assert {text for text in said if not any(words in text for words in TESTED)} == {"values"}


@cases_whose_state_says("constant")
def test_state_is_constant(case: Case) -> None:
    filled = caches(case)
    assert len({cache.nbytes() for cache in filled}) == 1
    assert len({memory(cache) for cache in filled}) == 1
    assert filled[0].nbytes() == memory(filled[0])


@cases_whose_state_says("window")
def test_state_is_bounded_by_the_window(case: Case) -> None:
    most = case.config.window - 1 + case.config.window_sinks  # type: ignore[attr-defined]
    filled = caches(case)
    expected = [keys_and_values(case, min(length, most)) for length in LENGTHS]
    assert [cache.nbytes() for cache in filled] == expected
    assert [memory(cache) for cache in filled] == expected


@cases_whose_state_says("rank slots")
def test_state_is_the_slots(case: Case) -> None:
    rank: int = case.config.rank  # type: ignore[attr-defined]
    assert set(sizes(case)) == {keys_and_values(case, rank)}


@cases_whose_state_says("keys and values")
def test_state_is_all_keys_and_values(case: Case) -> None:
    if "window" not in case.config.state:
        assert sizes(case) == [keys_and_values(case, length) for length in LENGTHS]


@cases_whose_state_says("latent_dim numbers")
def test_state_is_the_latents(case: Case) -> None:
    numbers = case.num_kv_heads * case.config.latent_dim  # type: ignore[attr-defined]
    assert sizes(case) == [ROWS * length * numbers * FLOAT32 for length in LENGTHS]


@cases_whose_state_says("with their decay")
def test_state_is_keys_and_values_of_a_further_number(case: Case) -> None:
    expected = [keys_and_values(case, length) * (HEAD_DIM + 1) // HEAD_DIM for length in LENGTHS]
    assert sizes(case) == expected


@pytest.mark.parametrize("role", [Role.CAUSAL, Role.CROSS], ids=lambda role: role.name)
@pytest.mark.parametrize("name", [n for n, k in MECHANISMS.items() if issubclass(k, FullConfig)])
@torch.no_grad()
def test_shared_heads_are_cached_once(name: str, role: Role) -> None:
    """As a model decodes, `gqa` caches G / H of the bytes of `full`, and `mqa` 1 / H."""

    def size(config: AttentionConfig) -> int:
        attention = Case(config, role, NoPositionConfig()).attention()
        x = torch.ones(ROWS, 20, NUM_HEADS * HEAD_DIM)
        if role is Role.CROSS:
            return attention.source_cache(x, Padding(torch.full((ROWS,), 20), 20)).nbytes()
        cache = attention.empty_cache(ROWS, capacity=20, dtype=x.dtype, device=x.device)
        attention(x, cache=cache)
        return cache.nbytes()

    full, config = size(FullConfig()), MECHANISMS[name]()
    assert full == 2 * ROWS * NUM_HEADS * 20 * HEAD_DIM * FLOAT32
    assert NUM_HEADS * size(config) == (config.num_kv_heads or NUM_HEADS) * full
