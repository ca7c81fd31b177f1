"""Data: a part of the stream as batches, from arrays that are whole in memory or mapped from a file larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

CHUNKS_PER_WINDOW = 8
"""A window that is shuffled is put together from this many pieces from all over the part, each read in one go."""


@dataclass(frozen=True, slots=True)
class Part:
    """Samples that belong together: training, test or validation.

    Attributes:
        x: samples, (n, *sample shape), of the stream's type.
        y: labels, (n, *label shape).
        window: samples that are held in memory and shuffled together; None when all of them are.
    """

    x: NDArray[Any]
    y: NDArray[Any]
    window: int | None = None

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int, *, shuffle: bool = False, repeat: bool = False) -> tf.data.Dataset:
        """The part as a dataset of (x, y) batches of `size` samples, the last one of a pass being shorter; with `repeat` without end.

        Shuffled anew at each pass. Python works once a window, never a batch: within it TensorFlow permutes and gathers, as
        Keras does for arrays, so batches cost the same.
        """
        windows = self._windows(size, shuffle=shuffle)
        if repeat:
            windows = windows.repeat()

        def places(x: tf.Tensor, y: tf.Tensor) -> tf.data.Dataset:
            """The window's batches, as (places in it, the window): tensors pass by reference."""
            count = tf.shape(y, out_type=tf.int64)[0]
            order = tf.range(count, dtype=tf.int64)
            if shuffle:
                order = tf.random.shuffle(order)
            # Rows of a matrix are cheaper to hand out than slices of a vector; what is left over makes a row of its own, or none.
            whole = count // size * size
            rows = tf.data.Dataset.from_tensor_slices(tf.reshape(order[:whole], [-1, size]))
            rest = tf.data.Dataset.from_tensor_slices(
                tf.reshape(order[whole:], [tf.minimum(count - whole, 1), count - whole])
            )
            return tf.data.Dataset.zip((rows.concatenate(rest), tf.data.Dataset.from_tensors((x, y)).repeat()))

        def gather(order: tf.Tensor, window: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            x, y = window
            return _as_keras(tf.gather(x, order)), _as_keras(tf.gather(y, order))

        dataset = windows.flat_map(places).map(gather, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.prefetch(tf.data.AUTOTUNE)
        if not repeat:
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-len(self) // size)))
        options = tf.data.Options()
        options.experimental_optimization.apply_default_optimizations = False
        options.experimental_external_state_policy = tf.data.experimental.ExternalStatePolicy.IGNORE
        return dataset.with_options(options)

    def _windows(self, batch: int, *, shuffle: bool) -> tf.data.Dataset:
        if self.window is None:
            return tf.data.Dataset.from_tensors((self.x, self.y))
        window = max(self.window // batch, 1) * batch
        signature = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in (self.x, self.y))
        return tf.data.Dataset.from_generator(
            lambda: windows(self.x, self.y, window, batch, shuffle=shuffle), output_signature=signature
        ).prefetch(1)


def windows(
    x: NDArray[Any], y: NDArray[Any], window: int, batch: int, *, shuffle: bool
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """One pass over (x, y) in copies of about `window` samples, whole batches each but for the last.

    Shuffled, the pieces that a window is made of come from random places of the part.
    """
    piece = max(window // CHUNKS_PER_WINDOW, 1) if shuffle else window
    starts = np.arange(0, len(x), piece)
    if shuffle:
        np.random.default_rng().shuffle(starts)
    xs: list[NDArray[Any]] = []
    ys: list[NDArray[Any]] = []
    held = 0
    for start in starts:
        xs.append(x[start : start + piece])
        ys.append(y[start : start + piece])
        held += len(xs[-1])
        if held >= window:
            whole = held // batch * batch
            joined_x, joined_y = np.concatenate(xs), np.concatenate(ys)
            yield joined_x[:whole], joined_y[:whole]
            xs, ys, held = [joined_x[whole:].copy()], [joined_y[whole:].copy()], held - whole
    if held:
        yield np.concatenate(xs), np.concatenate(ys)


def samples_in(batches: int, part: int, batch: int) -> int:
    """How many samples the first `batches` batches hold, of a part of `part` samples that is repeated."""
    a_pass = -(-part // batch)
    return batches // a_pass * part + min(batches % a_pass * batch, part)


def _as_keras(tensor: tf.Tensor) -> tf.Tensor:
    """Floats in Keras's own type, as Keras does with arrays; whole numbers as they are."""
    return tf.cast(tensor, keras.config.floatx()) if tensor.dtype.is_floating else tensor
