"""Bugs in the mechanisms."""

from planted.bug import ATTENTION, CONTRACT, Bug

MECHANISMS = f"{ATTENTION}/mechanisms"

MECHANISM_BUGS = [
    Bug(
        "padding-in-v-only",
        "linear masks v instead of phi(k): padded keys stay in the normaliser",
        f"{MECHANISMS}/linear.py",
        (
            ("return k if padding is None else k * real_keys(padding)", "return k"),
            (
                "context = self.attend(q, k, with_ones(v), cache)",
                "v = v if padding is None else v * real_keys(padding)\n"
                "        context = self.attend(q, k, with_ones(v), cache)",
            ),
        ),
        CONTRACT,
        "linear and padding_unseen",
    ),
    Bug(
        "window-one-short",
        "local gathers one key too few beside each block of queries",
        f"{MECHANISMS}/local.py",
        (("        reach = self.config.window - 1\n", "        reach = self.config.window - 2\n"),),
        CONTRACT,
        "local and formula and encoder and none",
    ),
    Bug(
        "first-positions-forgotten",
        "local with window_sinks drops the first positions from its cache with the others",
        f"{ATTENTION}/window_cache.py",
        (
            (
                "torch.cat([x[:, :, : self.sinks], last], 2) if self.sinks else last.clone()",
                "x[:, :, x.size(2) - self.sinks - self.reach :].clone()",
            ),
        ),
        CONTRACT,
        "local and steps_equal and none",
    ),
    Bug(
        "first-positions-moved",
        "cached first positions are taken for those before the window",
        f"{ATTENTION}/window_cache.py",
        (("torch.where(j < self.sinks, j, j + self.length - count)", "j + self.length - count"),),
        CONTRACT,
        "local and steps_equal",
    ),
    Bug(
        "counted-twice",
        "strided reads keys that are near and a stride away with both of its halves",
        f"{MECHANISMS}/strided.py",
        ((" & ~self.near(i[0], j[0])", ""),),
        CONTRACT,
        "strided and formula and encoder and none",
    ),
    Bug(
        "distance-left-out",
        "logsparse takes every second power of two beyond its blocks",
        f"{MECHANISMS}/logsparse.py",
        (("distance *= 2", "distance *= 4"),),
        CONTRACT,
        "logsparse and formula and encoder and none",
    ),
    Bug(
        "global-forgotten",
        "block_sparse reads its global positions in training but not in steps",
        f"{MECHANISMS}/block_sparse.py",
        (("torch.arange(min(self.num_global, start))", "torch.arange(0)"),),
        CONTRACT,
        "block_sparse and steps_equal and none",
    ),
    Bug(
        "dropout-in-evaluation",
        "attention dropout does not ask whether the module trains",
        f"{MECHANISMS}/full.py",
        (("self.config.dropout if self.training else 0.0", "self.config.dropout"),),
        CONTRACT,
        "full and dropout",
    ),
    Bug(
        "chunk-counted-twice",
        "causal linear takes a chunk into its sums before the chunk is read",
        f"{MECHANISMS}/linear.py",
        (
            ("            cache.add(k_c, v_c)\n", ""),
            (
                "            scores = kernel_scores(q_c, k_c).tril()\n",
                "            scores = kernel_scores(q_c, k_c).tril()\n"
                "            cache.add(k_c, v_c)\n",
            ),
        ),
        CONTRACT,
        "linear and future",
    ),
    Bug(
        "stabiliser-sees-the-future",
        "performer scales early queries by peaks that later keys set",
        f"{MECHANISMS}/performer.py",
        (("MAX_RISE = 50.0", "MAX_RISE = 1e9"),),
        "tests/attention/test_performer.py",
        "future",
    ),
    Bug(
        "stabiliser-sees-padding",
        "performer's peak is taken over padded keys too",
        f"{MECHANISMS}/performer.py",
        (
            (
                "return exponents if real is None "
                'else exponents.masked_fill_(~real, float("-inf"))',
                "return exponents",
            ),
        ),
        "tests/attention/test_performer.py",
        "padding",
    ),
    Bug(
        "redrawn-in-evaluation",
        "performer's projection changes under a model that is being evaluated",
        f"{MECHANISMS}/performer.py",
        (("if self.training and index != self.draw_index", "if index != self.draw_index"),),
        "tests/attention/test_performer.py",
        "stays_in_evaluation",
    ),
    Bug(
        "drawn-from-the-global-generator",
        "performer's projection depends on what was drawn before, and so on the rank",
        f"{MECHANISMS}/performer.py",
        (("torch.Generator().manual_seed(seed)", "torch.default_generator"),),
        "tests/attention/test_performer.py",
        "function_of_seed",
    ),
    Bug(
        "padding-projected",
        "linformer mixes padded positions into its slots",
        f"{MECHANISMS}/linformer.py",
        (("k, v = k * real, v * real", "v = v * real"),),
        CONTRACT,
        "linformer and padding_unseen",
    ),
    Bug(
        "additive-slope",
        "the recomputed gradient of tanh is 1 - tanh instead of 1 - tanh^2",
        f"{MECHANISMS}/additive.py",
        (("hidden.square_().neg_()", "hidden.neg_()"),),
        CONTRACT,
        "additive and formula",
    ),
    Bug(
        "additive-chunk-position",
        "every chunk of causal additive queries counts its positions from the start",
        f"{MECHANISMS}/additive.py",
        (("            first += q_c.size(2)\n", ""),),
        "tests/attention/test_additive.py",
        "CAUSAL",
    ),
    Bug(
        "forgets-from-zero",
        "every decoding step of forgetting begins its sum of decays anew",
        f"{MECHANISMS}/forgetting.py",
        (("faded = -cache.k[:, :, -1:, -1:] if seen else 0.0", "faded = 0.0"),),
        CONTRACT,
        "forgetting and steps_equal",
    ),
    Bug(
        "halves-mixed",
        "the second softmax of differential reads both halves of the keys",
        f"{MECHANISMS}/differential.py",
        (("q * ~first", "q"),),
        CONTRACT,
        "differential and formula",
    ),
    Bug(
        "second-query-not-turned",
        "rotary positions turn the first of two queries of differential alone",
        f"{ATTENTION}/multihead.py",
        (("q, self.head_dim, self.query_vectors)", "q, self.head_dim)"),),
        CONTRACT,
        "differential and layer_is and rope",
    ),
    Bug(
        "share-of-another-head",
        "a step of differential in its second version subtracts the share of another head",
        f"{MECHANISMS}/differential.py",
        (
            (
                "super().step(self.doubled(q), k, v, cache), self.share(q))",
                "super().step(self.doubled(q), k, v, cache), self.share(q.roll(1, 1)))",
            ),
        ),
        CONTRACT,
        "differential and steps_equal",
    ),
    Bug(
        "latent-of-another-root",
        "decoding steps of latent divide its logits by the root of the latent's width",
        f"{MECHANISMS}/latent.py",
        (("(k.size(-1) / q.size(-1)) ** 0.5", "1"),),
        CONTRACT,
        "latent and steps_equal and none",
    ),
    Bug(
        "latent-turned",
        "the shared rotary key of latent is read as a part of the latent in values",
        f"{MECHANISMS}/latent.py",
        (("by_head(read[..., self.turned :]", "by_head(read[..., : self.to_keys.size(1)]"),),
        CONTRACT,
        "latent and layer_steps and rope",
    ),
    Bug(
        "empty-segments-read",
        "segments of padding alone have a share of hierarchical's weights",
        f"{MECHANISMS}/hierarchical.py",
        (("(-1), inside.any(-1))", "(-1), None)"),),
        CONTRACT,
        "hierarchical and formula and encoder and none",
    ),
    Bug(
        "segments-from-the-query",
        "hierarchical compares segments with the query vector of words",
        f"{MECHANISMS}/hierarchical.py",
        (
            (
                "for half in wide(q).chunk(2, -1))\n        if bias",
                "for half in 2 * [wide(q).chunk(2, -1)[0]])\n        if bias",
            ),
        ),
        CONTRACT,
        "hierarchical and formula and encoder and none",
    ),
    Bug(
        "flash-falls-back",
        "flash takes the quadratic kernel where no fused one serves",
        f"{MECHANISMS}/flash.py",
        (("FUSED = [", "FUSED = [SDPBackend.MATH, "),),
        "tests/attention/test_flash.py",
        "fail",
    ),
]
