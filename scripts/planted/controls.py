"""Bugs in the controls, whose weights do not depend on content."""

from planted.bug import ATTENTION, CONTRACT, Bug

MECHANISMS = f"{ATTENTION}/mechanisms"

CONTROL_BUGS = [
    Bug(
        "mean-over-padding",
        "average divides by the padded length",
        f"{MECHANISMS}/average.py",
        (("return padding.lengths.clamp(min=1)[:, None, None, None]", "return v.size(2)"),),
        CONTRACT,
        "average and padding_unseen",
    ),
    Bug(
        "mean-of-this-step",
        "average divides by the positions of a step instead of all so far",
        f"{MECHANISMS}/average.py",
        ((" + self.length\n", "\n"),),
        CONTRACT,
        "average and steps_equal",
    ),
    Bug(
        "gaussian-forgets",
        "gaussian keeps the last value alone between steps",
        f"{MECHANISMS}/gaussian.py",
        (("            reach=self.reach,\n", "            reach=1,\n"),),
        CONTRACT,
        "gaussian and steps_equal",
    ),
    Bug(
        "one-centre",
        "all heads of gaussian read around the same neighbour",
        f"{MECHANISMS}/gaussian.py",
        (("offsets = self.offsets.view", "offsets = self.offsets[:1].view"),),
        CONTRACT,
        "gaussian and formula",
    ),
    Bug(
        "gradient-in-place",
        "gaussian gives the gradient to the values at the query instead of those that it read",
        f"{MECHANISMS}/gaussian.py",
        (("grads[:, :, shift : shift + ", "grads[:, :, ctx.start : ctx.start + "),),
        CONTRACT,
        "gaussian and formula",
    ),
    Bug(
        "position-of-the-step",
        "synthesizer takes the logits of the first positions in every step",
        f"{MECHANISMS}/synthesizer.py",
        (("self.logits(start, end, v.size(2))", "self.logits(0, end - start, v.size(2))"),),
        CONTRACT,
        "synthesizer and steps_equal",
    ),
    Bug(
        "padded-transform",
        "fourier transforms padding with the sentence",
        f"{MECHANISMS}/fourier.py",
        (("mix(v) if padding is None else self.mix_rows(v, padding)", "mix(v)"),),
        CONTRACT,
        "fourier and padding_unseen",
    ),
    Bug(
        "mirrored-in-place",
        "fourier takes half of the dimensions from the same positions, not from the opposite ones",
        f"{MECHANISMS}/fourier.py",
        ((".flip(-1, -2).roll(1, -2)", ".flip(-1)"),),
        CONTRACT,
        "fourier and formula",
    ),
]
