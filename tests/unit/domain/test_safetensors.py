"""The header that we write is one that the format's own library reads."""

import hashlib
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as library

from bessemer_server.domain import safetensors
from bessemer_server.domain.checkpoints import TensorEntry


def entry(name, array):
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    return TensorEntry(name, array.dtype.name, array.shape, (digest,), array.nbytes)


@pytest.mark.parametrize("count", range(12))  # names of many lengths, for the padding
def test_tensors_of_every_dtype_come_back_whatever_their_shape(count):
    dtypes = [np.dtype(name) for name in safetensors.DTYPES if name != "bfloat16"]
    arrays: dict[str, Any] = {f"{'x' * count}{d.name}": np.arange(6).reshape(2, 3).astype(d) for d in dtypes}
    arrays |= {"scalar": np.float32(1.5).reshape(()), "empty": np.zeros((0, 3), np.int64)}
    header = safetensors.header([entry(*item) for item in arrays.items()], {"model": "m@1"})
    assert len(header) % safetensors.ALIGNMENT == 0
    found = library.load(header + b"".join(array.tobytes() for array in arrays.values()))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
