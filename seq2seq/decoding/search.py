"""Translations of a batch, and scores of translations that are there already.

Results do not depend on the composition of the batch. Among batches of one width that holds bit for
bit on a CPU: a row of a matrix product is computed alike whatever the other rows are, if there are
at least MIN_ROWS of them, and smaller batches are filled up. (Models a multiple of 64 wide; another
batch width rounds differently, in the last digits.)
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.constraints import Constraints
from seq2seq.decoding.ensemble import EncodedSources, Ensemble, EnsembleState, log_mean
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.hypotheses import Hypothesis, best_first
from seq2seq.decoding.sampling import sample
from seq2seq.decoding.state import SearchState
from seq2seq.errors import ConfigError
from seq2seq.padding import BOS_ID, PAD_ID, Tokens


@torch.inference_mode()
def search(
    ensemble: Ensemble,
    encoded: EncodedSources,
    config: DecodingConfig,
    *,
    banned_tokens: Sequence[int] = (),
    prefixes: Sequence[Sequence[int]] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Translate a batch of N sources.

    Args:
        encoded: by `ensemble.encode`.
        banned_tokens: ids that are never produced, beside <pad> and <s>.
        prefixes: N rows of ids with which the translations begin.
        seeds: N numbers for sampling; None derives them from config.seed and the row.

    Returns:
        The n_best hypotheses of each source, best first; fewer only if no more exist.

    Raises:
        ConfigError: options contradict each other.
        UserError: a minimum length or a prefix exceeds the model's greatest length, or the
            predictions are not finite.
    """
    if problems := config.problems():
        raise ConfigError(problems)
    number, rows = encoded.num_sources, encoded.rows
    if seeds is None:
        seeds = [sentence_seed(config.seed, row) for row in range(number)]
    assert len(seeds) == number, "one seed per source"
    assert prefixes is None or len(prefixes) == number, "one prefix per source"
    constraints = Constraints.of(
        encoded.lengths,
        config,
        max_target_length=ensemble.max_target_length,
        prefixes=None if prefixes is None else [prefixes[row] for row in rows],
        banned_tokens=[PAD_ID, BOS_ID, *banned_tokens],
    )
    decoders = EnsembleState(ensemble, encoded, capacity=int(constraints.limit.max()) + 1)
    state = SearchState(decoders, constraints, config, num_sentences=number)
    run_search(state, [seeds[row] for row in rows])
    return [best_first(hypotheses, config.n_best) for hypotheses in state.finished]


def run_search(state: SearchState, seeds: Sequence[int]) -> None:
    """Finish all sentences of a state by the method of its configuration.

    Args:
        seeds: of sampling, one for each row.
    """
    config = state.config
    if config.method is DecodingMethod.sampling:
        sample(state, seeds)
    elif config.beam_size == 1:
        greedy_search(state)
    else:
        beam_search(state, config.beam_size)


def sentence_seed(seed: int, number: int) -> int:
    """The seed for sampling translations of sentence `number` of a text."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:8], "big")


@torch.inference_mode()
def score_targets(
    ensemble: Ensemble, encoded: EncodedSources, targets: Sequence[Sequence[int]]
) -> list[Tensor]:
    """Log-probabilities of translations that are not searched for.

    Args:
        encoded: by `ensemble.encode`.
        targets: one row of ids per source, without <s> and </s>.

    Returns:
        For each source the natural logarithms (T + 1,) of the probabilities of its T target ids and
        of the </s> after them.

    Raises:
        UserError: a target is longer than the models were built for.
    """
    assert len(targets) == encoded.num_sources, "one target per source"
    target = Tokens.target(targets).to(ensemble.device)
    real = target.padding.valid()
    labels = Tokens.labels(targets).to(ensemble.device).ids[real]
    by_model = []
    for number, model in enumerate(ensemble.models):
        states, _ = model.decoder_states(target, encoded.sources_of(number))
        by_model.append(model.output.log_probabilities(states[real], labels))
    return list(log_mean(by_model).split(target.padding.lengths.tolist()))
