"""Seeds of what is random in training."""


def step_seed(seed: int, micro_batch: int, rank: int) -> int:
    """A 63-bit seed of the three numbers, mixed by the finaliser of SplitMix64.

    Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators".
    """
    x = (
        seed * 0x9E3779B97F4A7C15 + micro_batch * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB
    ) & (2**64 - 1)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (x ^ (x >> 31)) >> 1
