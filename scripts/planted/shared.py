"""Bugs in the parts that mechanisms share: projections, caches, kernels, positions."""

from planted.bug import ATTENTION, CONTRACT, Bug

SHARED_BUGS = [
    Bug(
        "window-forgotten",
        "local's cache drops the oldest position that the next query reads",
        f"{ATTENTION}/window_cache.py",
        (("x.size(2) - self.reach :", "x.size(2) - self.reach + 1 :"),),
        CONTRACT,
        "local and steps_equal and none",
    ),
    Bug(
        "rope-restarts",
        "rotary positions begin at zero in every cached step",
        f"{ATTENTION}/multihead.py",
        (("first = 0 if cache is None else cache.length", "first = 0"),),
        CONTRACT,
        "full and layer_steps and rope",
    ),
    Bug(
        "absolute-position-restarts",
        "added positions begin at zero in every cached step",
        "seq2seq/model/decoder.py",
        (("self.embedding(ids, first=state.length)", "self.embedding(ids)"),),
        "tests/position/test_in_steps.py",
        "sinusoidal",
    ),
    Bug(
        "bias-restarts",
        "logit biases count the queries of a cached step from zero",
        f"{ATTENTION}/base.py",
        (("return keys[seen:, None], keys[None]", "return keys[:queries, None], keys[None]"),),
        CONTRACT,
        "forgetting and steps_equal and (alibi or t5)",
    ),
    Bug(
        "heads-in-wrong-order",
        "key/value heads are repeated as 0, 1, 0, 1 instead of 0, 0, 1, 1",
        f"{ATTENTION}/kernels.py",
        (
            (
                "    return F.scaled_dot_product_attention(\n",
                "    k, v = (x.repeat(1, q.size(1) // x.size(1), 1, 1) for x in (k, v))\n"
                "    return F.scaled_dot_product_attention(\n",
            ),
        ),
        CONTRACT,
        "full and formula and kv2",
    ),
    Bug(
        "reorder-forgets-v",
        "beams exchange their keys but keep their values",
        f"{ATTENTION}/cache.py",
        (
            (
                "self._hold(self._together.index_select(0, rows))",
                "*others, v = self._each\n"
                "        parts = [x.index_select(0, rows) for x in others]\n"
                "        parts.append(v[torch.arange(len(rows)) % len(v)])\n"
                "        self._hold(torch.stack(parts, 1))",
            ),
        ),
        CONTRACT,
        "full and reordered",
    ),
    Bug(
        "reorder-forgets-normaliser",
        "beams of linear exchange M but keep n",
        f"{ATTENTION}/recurrent.py",
        (
            (
                "self.sums = self.sums.index_select(0, rows)",
                "n = self.sums[torch.arange(len(rows)) % len(self.sums), ..., -1:]\n"
                "        self.sums = torch.cat([self.sums[rows][..., :-1], n], -1)",
            ),
        ),
        CONTRACT,
        "linear and reordered",
    ),
    Bug(
        "reorder-forgets-padding",
        "sentences that remain are read with the padding of those that left",
        f"{ATTENTION}/cache.py",
        (
            (
                "self.padding = self.padding.select(rows)",
                "self.padding = self.padding.select(rows.sort().values)",
            ),
        ),
        CONTRACT,
        "full and source_cache",
    ),
    Bug(
        "causal-mask-top-left",
        "several tokens appended at once are aligned with the first keys, not the last",
        f"{ATTENTION}/beam_cache.py",
        (("arange(self.length - queries, self.length,", "arange(queries,"),),
        CONTRACT,
        "full and steps_equal",
    ),
    Bug(
        "growth-loses-the-past",
        "a cache that grows does not copy what it held",
        f"{ATTENTION}/cache.py",
        (
            (
                "        new[:, :, :, : self.length] = old[:, :, :, : self.length]\n",
                "        new.zero_()\n",
            ),
        ),
        CONTRACT,
        "full and steps_equal",
    ),
    Bug(
        "beams-interleaved",
        "beams of a sentence are taken for sentences of a beam",
        f"{ATTENTION}/multihead.py",
        (
            (
                "q = q.unflatten(0, (cache.rows, beams)).transpose(1, 2)",
                "q = q.unflatten(0, (beams, cache.rows)).movedim(0, 2)",
            ),
        ),
        CONTRACT,
        "full and beams",
    ),
    Bug(
        "heads-merged-in-place",
        "contexts are flattened without bringing heads and positions into order",
        f"{ATTENTION}/multihead.py",
        (
            (
                "context = output.context.transpose(1, 2).flatten(2)",
                "context = output.context.reshape(x.shape)",
            ),
        ),
        CONTRACT,
        "full and formula",
    ),
    Bug(
        "padding-mask-leaks",
        "a row with nothing to read averages its padding in the path with weights",
        f"{ATTENTION}/kernels.py",
        (("return weights.masked_fill(~may_read, 0)", "return weights"),),
        CONTRACT,
        "full and nothing_to_read and cross",
    ),
    Bug(
        "weights-after-dropout",
        "the exported weights are the dropped ones",
        f"{ATTENTION}/weighting.py",
        (
            (
                "return read_values(F.dropout(weights, dropout).to(v.dtype), v), weights\n",
                "dropped = F.dropout(weights, dropout)\n"
                "        return read_values(dropped.to(v.dtype), v), dropped\n",
            ),
        ),
        CONTRACT,
        "full and dropout",
    ),
    Bug(
        "weights-detached",
        "exported weights carry no gradient, so nothing can be trained through them",
        f"{ATTENTION}/weighting.py",
        ((".to(v.dtype), v), weights\n", ".to(v.dtype), v), weights.detach()\n"),),
        CONTRACT,
        "full and formula",
    ),
    Bug(
        "zero-normaliser",
        "a query whose features are zero divides by zero",
        f"{ATTENTION}/recurrent.py",
        (("/ norm.masked_fill(norm == 0, 1)", "/ norm"),),
        "tests/attention/test_linear.py",
        "without_features",
    ),
    Bug(
        "sums-in-bfloat16",
        "running sums are kept in the dtype of the inputs",
        f"{ATTENTION}/recurrent.py",
        (
            (
                "torch.zeros(shape, dtype=torch.float32, device=device)",
                "torch.zeros(shape, dtype=torch.bfloat16, device=device)",
            ),
            (
                "self.sums = self.sums + k.mT @ v\n",
                "self.sums = (self.sums + k.mT @ v).bfloat16()\n",
            ),
            (
                "total = product(q, self.sums[:, :, None])",
                "total = product(q, self.sums.float()[:, :, None])",
            ),
        ),
        "tests/attention/test_linear.py",
        "bfloat16",
    ),
    Bug(
        "peak-not-carried",
        "performer's sums are not rescaled when the peak rises",
        f"{ATTENTION}/recurrent.py",
        ((" * (self.peak - peak).exp()[..., None]", ""),),
        CONTRACT,
        "performer and steps_equal",
    ),
    Bug(
        "gradient-along-unit-vectors",
        "the gradient of a unit vector keeps its part along the vector",
        f"{ATTENTION}/modifiers.py",
        (("torch.addcmul(gradient, u, along, value=-1)", "gradient.clone()"),),
        CONTRACT,
        "full and modifiers and encoder",
    ),
    Bug(
        "gates-by-place",
        "the last gates of a batch round otherwise than those before them",
        f"{ATTENTION}/elementwise.py",
        (("missing = -x.numel() % (VECTOR * max(threads, 1))", "missing = 0"),),
        "tests/attention/test_elementwise.py",
    ),
]
