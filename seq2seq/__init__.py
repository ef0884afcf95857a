"""Train, score, explain and ablate sequence-to-sequence Transformers with a choice of attention in every role."""

__version__ = "0.1.0"
