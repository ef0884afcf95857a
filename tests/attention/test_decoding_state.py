"""What decoding remembers is what the configuration says of it (`state`), in bytes."""

import pytest
import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role
from seq2seq.attention.contract.cases import HEAD_DIM, NUM_HEADS, Case, settings
from seq2seq.padding import Padding
from seq2seq.position.config import NoPositionConfig

LENGTHS = [1, 2, 5, 20, 40, 80]
ROWS = 3
NUMBER = 4  # bytes of a float32
CASES = [
    Case(config, role, NoPositionConfig())
    for mechanism in MECHANISMS.values()
    for config in settings(mechanism)
    for role in (Role.CAUSAL, Role.CROSS)
    if role in config.roles
]


def says(*words: str) -> list[Case]:
    return [case for case in CASES if all(word in case.config.state for word in words)]


def caches(case: Case) -> list[AttentionCache]:
    """After each of the lengths: target positions taken in one by one, or whole sources."""
    core, found = case.core(), []
    for length in LENGTHS:
        generator = torch.Generator().manual_seed(length)
        k = torch.randn(ROWS, case.num_kv_heads, length, HEAD_DIM, generator=generator)
        if case.role is Role.CROSS:
            found.append(core.source_cache(k, k, Padding(torch.full((ROWS,), length), length)))
            continue
        cache = core.empty_cache(ROWS, capacity=LENGTHS[-1], dtype=k.dtype, device=k.device)
        for t in range(length):
            new = k[:, :, t : t + 1]
            core.step(torch.zeros(ROWS, NUM_HEADS, 1, HEAD_DIM), new, new, cache)
        found.append(cache)
    return found


def counted(case: Case) -> list[int]:
    with torch.no_grad():
        return [cache.nbytes() for cache in caches(case)]


def held(cache: AttentionCache) -> int:
    """Bytes of memory that its tensors keep alive: more than their numbers where one is part of a larger one."""
    memory = [
        x.untyped_storage()
        for x in vars(cache).values()
        if isinstance(x, Tensor) and x.is_floating_point()
    ]
    return sum({storage.data_ptr(): storage.nbytes() for storage in memory}.values())


def keys_and_values(case: Case, positions: int) -> int:
    return 2 * ROWS * case.num_kv_heads * positions * HEAD_DIM * NUMBER


@pytest.mark.parametrize("case", CASES, ids=str)
def test_state_grows_no_faster_than_the_sequence(case: Case) -> None:
    sizes = dict(zip(LENGTHS, counted(case), strict=True))
    assert sizes[80] <= 2 * sizes[40] <= 4 * sizes[20]


@pytest.mark.parametrize("case", says("constant"), ids=str)
def test_state_is_constant(case: Case) -> None:
    with torch.no_grad():
        found = caches(case)
    assert len({cache.nbytes() for cache in found}) == 1
    assert len({held(cache) for cache in found}) == 1
    assert found[0].nbytes() == held(found[0])


@pytest.mark.parametrize("case", says("window"), ids=str)
def test_state_is_bounded_by_the_window(case: Case) -> None:
    reach = case.config.window - 1  # type: ignore[attr-defined]
    with torch.no_grad():
        found = caches(case)
    assert [cache.nbytes() for cache in found] == [
        keys_and_values(case, min(length, reach)) for length in LENGTHS
    ]
    assert all(held(cache) == cache.nbytes() for cache in found)


@pytest.mark.parametrize("case", says("rank slots"), ids=str)
def test_state_is_so_many_slots(case: Case) -> None:
    assert set(counted(case)) == {keys_and_values(case, case.config.rank)}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "case", [case for case in says("keys and values") if "window" not in case.config.state], ids=str
)
def test_state_is_all_keys_and_values(case: Case) -> None:
    assert counted(case) == [keys_and_values(case, length) for length in LENGTHS]


@pytest.mark.parametrize("role", [Role.CAUSAL, Role.CROSS], ids=lambda role: role.name)
@pytest.mark.parametrize(
    "mechanism",
    [kind for kind in MECHANISMS.values() if issubclass(kind, FullConfig)],
    ids=lambda kind: kind.name,
)
@torch.no_grad()
def test_shared_heads_are_remembered_once(mechanism: type[AttentionConfig], role: Role) -> None:
    """As a model decodes, `gqa` holds G / H of what `full` holds, and `mqa` 1 / H."""

    def remembered(config: AttentionConfig) -> int:
        attention = Case(config, role, NoPositionConfig()).attention()
        x = torch.ones(ROWS, 20, NUM_HEADS * HEAD_DIM)
        if role is Role.CROSS:
            return attention.source_cache(x, Padding(torch.full((ROWS,), 20), 20)).nbytes()
        cache = attention.empty_cache(ROWS, capacity=20, dtype=x.dtype, device=x.device)
        attention(x, cache=cache)
        return cache.nbytes()

    full, num_kv_heads = remembered(FullConfig()), mechanism().num_kv_heads or NUM_HEADS
    assert full == 2 * ROWS * NUM_HEADS * 20 * HEAD_DIM * NUMBER
    assert NUM_HEADS * remembered(mechanism()) == num_kv_heads * full
