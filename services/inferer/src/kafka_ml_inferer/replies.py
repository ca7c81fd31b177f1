"""Replies: what the guest says, checked. The guest runs code that anybody may have written; nothing it says is taken as it is."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kafka_ml_sandbox.deaths import GuestError

T = TypeVar("T", bound=BaseModel)

_MAX_WIDTH = 1 << 22
"""Numbers that a row of outputs may have."""

_MAX_SAMPLE = 1 << 26

_MAX_BATCH = 1 << 16
_REASON_CHARACTERS = 500

Size = Annotated[int, Field(strict=True, gt=0, le=_MAX_SAMPLE)]


class Loaded(BaseModel):
    """The answer to `load`: shape of a sample, width and type of an output row, None if that is no type of numbers."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    shape: Annotated[list[Size], Field(max_length=16)]
    width: Annotated[int, Field(strict=True, ge=0, le=_MAX_WIDTH)]
    dtype: Annotated[str, Field(max_length=20)]

    @model_validator(mode="after")
    def _bounded(self) -> Loaded:
        if math.prod(self.shape) > _MAX_SAMPLE:
            raise ValueError("a sample is too large")
        return self

    def row_type(self) -> np.dtype[Any] | None:
        """The numpy type of an output row; None if its numbers are none."""
        try:
            dtype = np.dtype(self.dtype)
        except (TypeError, ValueError, SyntaxError):  # numpy evaluates some of what it is given
            return None
        return dtype if self.width and dtype.kind in "fiub" and dtype.shape == () else None


class Warmed(BaseModel):
    """The answer to `warm`: the batch sizes that are ready."""

    sizes: Annotated[list[Annotated[int, Field(gt=0)]], Field(min_length=1, max_length=64)]


class Predicted(BaseModel):
    """The answer to `predict`: index and reason of each row that the model failed on."""

    failed: Annotated[list[tuple[Annotated[int, Field(strict=True, ge=0)], str]], Field(max_length=_MAX_BATCH)]

    def by_row(self, count: int) -> dict[int, str]:
        """The reasons by row, in order, for a batch of `count` rows."""
        return {row: reason[:_REASON_CHARACTERS] for row, reason in sorted(self.failed) if row < count}


def checked(kind: type[T], payload: dict[str, Any]) -> T:
    """The payload as `kind`.

    Raises:
        GuestError: it is not one, so the model's code must have meddled.
    """
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        raise GuestError(
            "protocol", "The model's process answered with what is no answer: model code must not use the channel."
        ) from error
