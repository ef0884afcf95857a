"""Compressed bytes, by the ending of a file's name."""

import bz2
import gzip
import lzma

import pyarrow as pa


def packed(content: bytes, suffix: str) -> bytes:
    """Bytes as a file of such a name holds them, in any capitalisation; ".txt" is plain."""
    match suffix.lower():
        case ".gz":
            return gzip.compress(content)
        case ".bz2":
            return bz2.compress(content)
        case ".xz":
            return lzma.compress(content)
        case ".zst":
            sink = pa.BufferOutputStream()
            with pa.CompressedOutputStream(sink, "zstd") as file:
                file.write(content)
            return bytes(sink.getvalue().to_pybytes())
        case _:
            return content
