"""Bugs in the modifiers of attention."""

from planted.bug import ATTENTION, CONTRACT, Bug

MODIFIER_BUGS = [
    Bug(
        "gates-in-other-order",
        "a head's gate opens one element of each head",
        f"{ATTENTION}/modifiers.py",
        (
            (
                "by_gate = context.unflatten(-1, (self.num_gates, -1))",
                "by_gate = context.unflatten(-1, (-1, self.num_gates)).transpose(-1, -2)",
            ),
        ),
        CONTRACT,
        "full and modifiers and gate and encoder",
    ),
    Bug(
        "cached-keys-not-normalised",
        "a source enters its cache with keys of any length, and queries are normalised",
        f"{ATTENTION}/multihead.py",
        (
            (
                "            k = on_vectors(self.query_key_norm.key, k, self.head_dim)\n"
                "        return k, v",
                "            pass\n        return k, v",
            ),
        ),
        CONTRACT,
        "full and modifiers and cross",
    ),
    Bug(
        "sink-of-another-root",
        "the logit of a sink is divided by the root of the head's width once more",
        f"{ATTENTION}/sink.py",
        (("(sink * root)", "(sink * width**0.5)"),),
        CONTRACT,
        "full and formula and sink and encoder",
    ),
    Bug(
        "sink-left-out-of-merge",
        "parts of a softmax are merged without their sink",
        f"{ATTENTION}/softmax_parts.py",
        (("    if sink is None:\n        return context\n", "    return context\n"),),
        CONTRACT,
        "strided and formula and sink and encoder",
    ),
    Bug(
        "null-mass-shared-out",
        "exported weights are made to sum to one beside a sink",
        f"{ATTENTION}/weighting.py",
        (
            (
                "weights = logits_with_sink(logits, self.sink).softmax(-1)[..., 1:]",
                "weights = logits.softmax(-1)",
            ),
        ),
        CONTRACT,
        "full and weights and sink and encoder",
    ),
    Bug(
        "sink-hidden-by-padding",
        "keys that are padding hide the sink, too",
        f"{ATTENTION}/sink.py",
        (("F.pad(may_read, (1, 0), value=True)", "F.pad(may_read, (1, 0), value=False)"),),
        CONTRACT,
        "full and formula and sink and encoder",
    ),
    Bug(
        "norm-over-all-heads",
        "one length for the queries of all heads",
        f"{ATTENTION}/modifiers.py",
        (("square().sum(-1, keepdim", "square().sum((1, -1), keepdim"),),
        CONTRACT,
        "full and modifiers and encoder",
    ),
    Bug(
        "scale-without-root",
        "the learned scale is divided by sqrt(K) in the core",
        f"{ATTENTION}/modifiers.py",
        (("self.scale[:, None, None] * self.root", "self.scale[:, None, None]"),),
        CONTRACT,
        "full and modifiers and encoder",
    ),
    Bug(
        "threshold-of-padding",
        "keys that are padding have a part in the threshold of entmax",
        f"{ATTENTION}/weighting.py",
        (
            (
                "logits = logits.masked_fill(~read, torch.finfo(logits.dtype).min)\n"
                "        if self.sink is not None:\n            logits = logits_with",
                "if self.sink is not None:\n            logits = logits_with",
            ),
        ),
        CONTRACT,
        "full and padding_unseen and entmax15 and encoder",
    ),
    Bug(
        "gradient-of-softmax",
        "entmax has the gradient of sparsemax",
        f"{ATTENTION}/normalisers.py",
        (("pow(2 - ctx.alpha)", "pow(0)"),),
        CONTRACT,
        "full and formula and entmax15 and encoder",
    ),
    Bug(
        "count-of-padding",
        "sigmoid weights are divided by the width of the batch",
        f"{ATTENTION}/normalisers.py",
        (
            (
                "count = may_read.sum(-1, keepdim=True)",
                "count = torch.ones_like(may_read).sum(-1, keepdim=True)",
            ),
        ),
        CONTRACT,
        "full and padding_unseen and sigmoid and encoder",
    ),
    Bug(
        "ties-by-chance",
        "of equal logits the last keys are kept",
        f"{ATTENTION}/normalisers.py",
        (
            (
                "kept = ordered.sort(dim=-1, descending=True, stable=True).indices[..., :k]",
                "kept = ordered.size(-1) - 1 - ordered.flip(-1).sort(dim=-1, descending=True, "
                "stable=True).indices[..., :k]",
            ),
        ),
        "tests/attention/test_normalisers.py",
        "equal",
    ),
    Bug(
        "mixed-the-other-way",
        "heads are mixed by the transposed matrix",
        f"{ATTENTION}/weighting.py",
        (("(matrix.to(x.dtype) @ x.flatten(2))", "(matrix.to(x.dtype).mT @ x.flatten(2))"),),
        CONTRACT,
        "full and formula and mixing and encoder",
    ),
]
