"""Compare the protocol lowercased_tokenized with the published tokenised text of Multi30k.

    python scripts/check_multi30k_tokenization.py test_2016_flickr.de.gz \\
        test_2016_flickr.lc.norm.tok.de --language de

prints how many lines and tokens are equal, and exits with 1 if any differs. Both files are from
github.com/multi30k/dataset, folders data/task1/raw and data/task1/tok.
"""

import argparse
import gzip
from pathlib import Path

from seq2seq.metrics.protocol import ScoringProtocol, prepare_texts


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "raw", type=Path, metavar="RAW_GZ", help="raw text, one sentence per line, gzipped"
    )
    parser.add_argument(
        "reference", type=Path, metavar="REFERENCE_TOK", help="the published tokenised text"
    )
    parser.add_argument(
        "--language", default="de", help="code of the language, default %(default)s"
    )
    arguments = parser.parse_args()

    raw = lines_of(gzip.decompress(arguments.raw.read_bytes()))
    reference = lines_of(arguments.reference.read_bytes())
    ours = prepare_texts(raw, ScoringProtocol.lowercased_tokenized, arguments.language)
    unequal = [
        number
        for number, pair in enumerate(zip(ours, reference, strict=False), start=1)
        if pair[0] != pair[1]
    ]
    common = min(len(ours), len(reference))
    print(f"lines equal: {common - len(unequal)} of {len(ours)} (reference: {len(reference)})")
    print(f"tokens: {count_tokens(ours)} (reference: {count_tokens(reference)})")
    for number in unequal[:5]:
        print(f"line {number}\n  ours      {ours[number - 1]}\n  reference {reference[number - 1]}")
    return 0 if ours == reference else 1


def lines_of(content: bytes) -> list[str]:
    return content.decode("utf-8").removesuffix("\n").split("\n")


def count_tokens(lines: list[str]) -> int:
    return sum(len(line.split()) for line in lines)


if __name__ == "__main__":
    raise SystemExit(main())
