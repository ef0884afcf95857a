"""Words that the sentences of tests are drawn from."""

WORDS = [
    "the",
    "small",
    "dog",
    "runs",
    "over",
    "a",
    "green",
    "field",
    "and",
    "sees",
    "birds",
    "near",
    "while",
    "rain",
]
