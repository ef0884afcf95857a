"""Feature files: the frames of one source each, in the formats of NumPy and safetensors.

A file holds one array of floats (T, F): T frames of F features, T at least 1.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from seq2seq.errors import DataError, choices

SUFFIXES = (".npy", ".safetensors")
FLOATS = {"F16", "F32", "F64", "float16", "float32", "float64"}  # names of both formats


def read_shape(path: Path) -> tuple[int, int]:
    """Frames and features of a file, from its header.

    Raises:
        DataError: there is no such file, or it does not hold one such array.
    """
    if path.suffix not in SUFFIXES:
        raise DataError(f"{path}: is not a feature file; {choices(path.suffix, SUFFIXES)}")
    if not path.is_file():
        raise DataError(f"{path}: no such file; correct the list, or put the file there")
    shape, kind = _npy_header(path) if path.suffix == ".npy" else _safetensors_header(path)
    if kind not in FLOATS:
        raise DataError(
            f"{path}: must hold floats of 16, 32 or 64 bits, not {kind}; convert the features"
        )
    if len(shape) != 2 or min(shape) < 1:
        raise DataError(
            f"{path}: must be of shape (frames, features), each at least 1, not {shape}; "
            "write one array with a row for each frame"
        )
    return shape[0], shape[1]


def read_frames(path: Path) -> NDArray[np.float32]:
    """The (T, F) frames of a file.

    Raises:
        DataError: as `read_shape`, or a value is NaN or infinite.
    """
    read_shape(path)
    values = _npy(path) if path.suffix == ".npy" else _safetensors(path)
    ensure_finite(values, str(path))
    return np.ascontiguousarray(values, np.float32)


def ensure_finite(values: NDArray[Any], name: str) -> None:
    """Refuse NaN and infinite values, which would spread through a whole batch."""
    finite = np.isfinite(values)
    if not finite.all():
        frame, feature = np.argwhere(~finite)[0]
        raise DataError(
            f"{name}: frame {frame}, feature {feature} is {values[frame, feature]}; features must "
            "be finite: compute them again, or leave this source out"
        )


def _npy_header(path: Path) -> tuple[tuple[int, ...], str]:
    array = _npy(path, map_only=True)
    return array.shape, array.dtype.name


def _npy(path: Path, *, map_only: bool = False) -> NDArray[Any]:
    try:
        with np.errstate(over="raise"):  # of the size, which wraps around
            array: NDArray[Any] = np.load(
                path, mmap_mode="r" if map_only else None, allow_pickle=False
            )
        if not isinstance(array, np.ndarray):  # an archive of several under the name of one
            raise ValueError("it must hold one array")
    except (OSError, ValueError, EOFError, ArithmeticError, MemoryError) as error:
        raise DataError(
            f"{path}: is not a whole .npy file ({error}); write it again with numpy.save"
        ) from error
    return array


def _safetensors_header(path: Path) -> tuple[tuple[int, ...], str]:
    try:
        with safe_open(path, framework="numpy") as file:
            entry = file.get_slice(_only_tensor(path, list(file.keys())))
            return tuple(entry.get_shape()), str(entry.get_dtype())
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error


def _safetensors(path: Path) -> NDArray[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            array: NDArray[Any] = file.get_tensor(_only_tensor(path, list(file.keys())))
            return array
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error


def _only_tensor(path: Path, names: list[str]) -> str:
    if len(names) != 1:
        raise DataError(
            f"{path}: must hold one tensor, but holds {len(names)}; write a file for each source"
        )
    return names[0]


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: is not a whole safetensors file ({error}); write it again")
