"""Model: the trained model in its guest, as the host holds it: loaded, warmed up, given batches in shared memory, started again."""

from __future__ import annotations

import itertools
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from kafka_ml_common.codecs import Codec, codec_for
from kafka_ml_common.errors import InvalidError
from kafka_ml_common.workloads import InferenceSpec
from kafka_ml_inferer.replies import Loaded, Predicted, Warmed, checked
from kafka_ml_sandbox.container import Keeper
from kafka_ml_sandbox.deaths import GuestError
from kafka_ml_sandbox.host import Guest
from kafka_ml_sandbox.limits import Limits
from kafka_ml_sandbox.transcript import Transcript

log = structlog.get_logger(__name__)

GUEST_MODULE = "kafka_ml_inferer.guest.predict"
SLOTS = 2
"""One is decoded into and one is predicted, so that both go on at once."""

_SLOT_BYTES = 64 << 20
_LOAD_SECONDS = 300.0
_PREDICT_SECONDS = 120.0
_MODEL_FILE = "model.keras"


@dataclass(frozen=True, slots=True)
class Slot:
    """A batch's place in shared memory: input [n, *shape of a sample], output [n, width of a row]."""

    number: int
    input: NDArray[Any]
    output: NDArray[Any]


Failed = dict[int, str]
"""Rows of a batch that the model failed on, and why; in order."""


class Model:
    """A guest that predicts. It begins to start at once, and is given its model by `load`.

    It runs in the container of `keeper` if there is one, else in a process of its own, and what it prints goes to `log_file`, if given.

    Attributes:
        codec: decodes samples in the shape that the model takes; set by `load`.
        slots: places for batches; set by `load`.
    """

    def __init__(self, work_folder: Path, log_file: Path | None = None, keeper: Keeper | None = None) -> None:
        self._folder = work_folder
        self._keeper = keeper
        self._on_output = Transcript(log_file) if log_file else None
        self._numbers = itertools.count()
        self._thread = ThreadPoolExecutor(1, "guest")
        self._guest = self._start()
        self._spec: InferenceSpec | None = None
        self._file: Path | None = None
        self._most = 1
        self.codec: Codec
        self.slots: Sequence[Slot] = ()

    @property
    def capacity(self) -> int:
        """Messages that one batch may hold."""
        return len(self.slots[0].input) if self.slots else 1

    def load(self, spec: InferenceSpec, file: Path) -> None:
        """Build the model, load its weights from `file`, and warm up all batch sizes, smaller ones if memory doesn't suffice.

        Raises:
            GuestError: the model can't be built or loaded, or its process ended.
            InvalidError: the input's configuration doesn't suit it.
        """
        self._spec, self._file = spec, file
        self._most = spec.settings.max_batch
        while True:
            try:
                self._load(spec, file)
            except GuestError as error:
                if error.reason != "out_of_memory" or self.capacity <= 1:
                    raise
                self._renew(smaller=True)
            else:
                return

    def _load(self, spec: InferenceSpec, file: Path) -> None:
        shared = self._guest.shared / _MODEL_FILE
        try:
            os.link(file, shared)
        except OSError:  # another file system
            shutil.copyfile(file, shared)
        shared.chmod(0o644)  # the guest may be another user
        codec = codec_for(spec.input_format, spec.input_config)
        if codec.dtype.kind == "U":
            raise InvalidError("Inference on text is not possible yet.", advice="Train a model on numbers.")
        shape = codec.sample_shape
        loaded = self._guest.request(
            "load",
            {
                "code": spec.model.code,
                "file": _MODEL_FILE,
                "dtype": codec.dtype.str,
                "shape": None if shape is None else list(shape),
            },
            limits=Limits(memory_bytes=spec.settings.memory_mb << 20),
            timeout=_LOAD_SECONDS,
        )
        sample_shape, width, dtype = _shapes(checked(Loaded, loaded))
        self.codec = codec_for(spec.input_format, spec.input_config, sample_shape=sample_shape)
        row = max(math.prod(sample_shape) * codec.dtype.itemsize, width * dtype.itemsize)
        capacity = max(1, min(self._most, _SLOT_BYTES // row))
        self.slots = [
            Slot(
                number,
                self._guest.share(f"input-{number}", (capacity, *sample_shape), codec.dtype),
                self._guest.share(f"output-{number}", (capacity, width), dtype, writable=True),
            )
            for number in range(SLOTS)
        ]
        warmed = checked(Warmed, self._guest.request("warm", {"most": capacity}, timeout=_LOAD_SECONDS))
        log.info("model is ready", sample_shape=sample_shape, width=width, batch_sizes=warmed.sizes)

    def predict(self, slot: Slot, count: int) -> Future[Failed]:
        """Predict the first `count` rows of a slot; in order with other calls. The future raises GuestError."""
        return self._thread.submit(self._predict, slot.number, count)

    def restart(self, *, smaller: bool = False) -> None:
        """Throw the guest away, start another and load the model again, for smaller batches if asked to. Raises as `load`."""
        if self._spec is None or self._file is None:
            raise RuntimeError("no model was loaded before")
        self._renew(smaller=smaller)
        self._load(self._spec, self._file)

    def _renew(self, *, smaller: bool) -> None:
        if smaller:
            self._most = max(1, self.capacity // 4)
            log.warning("memory did not suffice, trying smaller batches", batch=self._most)
        self._guest.close()
        self._guest = self._start()

    @property
    def alive(self) -> bool:
        return self._guest.alive

    def close(self) -> None:
        self._guest.close()
        self._thread.shutdown(cancel_futures=True)

    def _start(self) -> Guest:
        preload = ["tensorflow", "keras"]
        if self._keeper is not None:
            return Guest.attach(GUEST_MODULE, self._keeper, preload=preload, start_timeout=_LOAD_SECONDS)
        folder = Path(tempfile.mkdtemp(prefix=f"guest-{next(self._numbers)}-", dir=self._folder))
        return Guest.start(
            GUEST_MODULE, folder, preload=preload, start_timeout=_LOAD_SECONDS, on_output=self._on_output
        )

    def _predict(self, slot: int, count: int) -> Failed:
        reply = self._guest.request("predict", {"slot": slot, "count": count}, timeout=_PREDICT_SECONDS)
        return checked(Predicted, reply).by_row(count)


def _shapes(loaded: Loaded) -> tuple[tuple[int, ...], int, np.dtype[Any]]:
    """Shape of a sample, width and type of an output row. Raises InvalidError."""
    dtype = loaded.row_type()
    if dtype is None:
        raise InvalidError(
            "The model's outputs are no rows of numbers.", advice="Let the model end with numeric outputs."
        )
    return tuple(loaded.shape), loaded.width, dtype
