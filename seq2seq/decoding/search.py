"""Translations of a batch: searched for, or given and scored.

No sentence of a batch bears on another. Among batches of one width that holds bit for bit on a CPU: every row of a
matrix product is computed alike whatever the other rows are, if only there are enough of them, so small batches are
filled up with repetitions. (Models a multiple of 64 wide; another batch width rounds differently, in the last digits.)
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from seq2seq.decoding.beam import beam_search
from seq2seq.decoding.config import DecodingConfig, DecodingMethod
from seq2seq.decoding.constraints import Constraints
from seq2seq.decoding.ensemble import Ensemble, log_mean
from seq2seq.decoding.greedy import greedy_search
from seq2seq.decoding.hypotheses import Hypothesis, best_first
from seq2seq.decoding.progress import FEWEST_ROWS, Progress
from seq2seq.decoding.sampling import sample
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Padding, Tokens


@torch.inference_mode()
def search(
    models: Sequence[Transformer],
    source: Tokens,
    config: DecodingConfig,
    *,
    bos_id: int,
    eos_id: int,
    pad_id: int,
    never: Sequence[int] = (),
    prefix: Sequence[Sequence[int]] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[list[Hypothesis]]:
    """Translate a batch.

    Args:
        models: in evaluation mode. Several over one vocabulary predict the mean of their probabilities.
        source: every sentence ends with eos_id.
        never: ids that are not produced, beside pad_id and bos_id.
        prefix: for each sentence, the ids that its translation begins with.
        seeds: one for each sentence, for sampling; left out, they follow from config.seed and the row.

    Returns:
        For each sentence its n_best hypotheses, best first; fewer only where there are no more.

    Raises:
        ConfigError: the options contradict each other, or the vocabularies of the models differ.
        UserError: a minimum length, a prefix or a source does not fit in the model's greatest length; or the models
            predict no finite numbers.
    """
    if problems := config.problems():
        raise ConfigError(problems)
    ensemble = Ensemble(models)
    number = source.ids.size(0)
    assert all(given is None or len(given) == number for given in (prefix, seeds)), (
        "one prefix and seed a sentence"
    )
    if number == 0:
        return []
    rows = [row % number for row in range(max(number, FEWEST_ROWS))]
    source = select(source, rows).to(ensemble.device)
    constraints = Constraints.of(
        source,
        config,
        max_target_length=ensemble.max_target_length,
        prefix=None if prefix is None else [prefix[row] for row in rows],
        never=[pad_id, bos_id, *never],
        eos_id=eos_id,
    )
    decoders = ensemble.start(source, capacity=int(constraints.limit.max()) + 1)
    progress = Progress(decoders, constraints, config, bos_id=bos_id, sentences=number)
    if config.method is DecodingMethod.sampling:
        sample(
            progress,
            [sentence_seed(config.seed, row) if seeds is None else seeds[row] for row in rows],
        )
    elif config.beam_size == 1:
        greedy_search(progress)
    else:
        beam_search(progress, config.beam_size)
    return [best_first(found, config.n_best) for found in progress.found]


def select(source: Tokens, rows: list[int]) -> Tokens:
    """Some sentences of a batch, or some more than once."""
    index = torch.tensor(rows, device=source.ids.device)
    return Tokens(source.ids[index], source.padding.select(index))


def sentence_seed(seed: int, number: int) -> int:
    """The seed for sampling translations of sentence `number` of a text."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:8], "big")


@torch.inference_mode()
def force(models: Sequence[Transformer], source: Tokens, target: Tokens) -> list[Tensor]:
    """Log-probabilities of given translations.

    Args:
        models: as for `search`.
        source: every sentence ends with the sentence end.
        target: every translation begins with the sentence start and ends with the sentence end.

    Returns:
        For each sentence (T - 1,) natural logarithms: of each token after the start, the end among them.

    Raises:
        ConfigError: the vocabularies of the models differ.
        UserError: a sentence does not fit in the model's greatest length.
    """
    ensemble = Ensemble(models)
    source, target = source.to(ensemble.device), target.to(ensemble.device)
    if target.ids.size(0) == 0:
        return []
    padding = Padding(target.padding.lengths - 1, target.padding.width - 1)
    real = padding.valid()
    given, labels = Tokens(target.ids[:, :-1], padding), target.ids[:, 1:][real]
    each = [
        model.output.log_probabilities(
            model.decoder_states(given, model.encode(source))[0][real], labels
        )
        for model in models
    ]
    return list(log_mean(each).split(padding.lengths.tolist()))
