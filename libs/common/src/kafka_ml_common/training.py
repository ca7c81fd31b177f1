"""Settings of a training: typed, checked, and readable from the keyword text that Keras users know."""

import ast
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from kafka_ml_common.errors import InvalidError
from kafka_ml_common.placement import Placement

MAX_ARGUMENT_TEXT = 2_000


def parse_arguments(text: str) -> dict[str, Any]:
    """The keyword arguments in `text`, such as `epochs=5, steps_per_epoch=100`, read as literals and never evaluated.

    Raises:
        InvalidError: the text is no list of keyword arguments with literal values.
    """
    if len(text) > MAX_ARGUMENT_TEXT:
        raise InvalidError(f"The arguments are longer than {MAX_ARGUMENT_TEXT} characters.")
    try:
        call = ast.parse(f"f({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidError(
            f"'{text}' can't be read as keyword arguments.", advice="Write them like: epochs=5, steps_per_epoch=100."
        ) from error
    if not isinstance(call, ast.Call) or call.args or any(keyword.arg is None for keyword in call.keywords):
        raise InvalidError(
            f"'{text}' has values without a name.", advice="Write them like: epochs=5, steps_per_epoch=100."
        )
    arguments: dict[str, Any] = {}
    for keyword in call.keywords:
        try:
            arguments[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise InvalidError(
                f"The value of '{keyword.arg}' is no literal.",
                advice="Use numbers, strings, True, False, None, lists or dicts.",
            ) from error
    return arguments


def _from_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_arguments(value)
    except InvalidError as error:
        raise ValueError(str(error)) from error


class FitArguments(BaseModel):
    """What `Model.fit` is called with, besides the data and the batch size.

    `steps` is understood for `steps_per_epoch`. More steps than one pass holds start the stream again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    epochs: int = Field(1, strict=True, ge=1, le=100_000, description="passes over the training part", examples=[5])
    steps_per_epoch: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=10_000_000,
        validation_alias=AliasChoices("steps_per_epoch", "steps"),
        description="batches that make an epoch; by default one pass over the training part",
    )
    shuffle: bool = Field(True, strict=True, description="whether samples are shuffled before each epoch")
    class_weight: dict[int, float] | None = Field(None, description="weight of each class in the loss")
    validation_freq: int = Field(1, strict=True, ge=1, le=100_000, description="epochs between two validations")
    validation_steps: int | None = Field(
        None, strict=True, ge=1, le=10_000_000, description="batches that make a validation"
    )
    verbose: Literal["auto", 0, 1, 2] = Field(
        0, description="accepted as Keras users write it; progress is always reported"
    )


class EvaluateArguments(BaseModel):
    """What `Model.evaluate` is called with on the test part, besides the data and the batch size."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    steps: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=10_000_000,
        validation_alias=AliasChoices("steps", "steps_per_epoch"),
        description="batches that are evaluated at most; by default all",
    )
    verbose: Literal["auto", 0, 1, 2] = Field(0, description="accepted as Keras users write it")


class TrainingSettings(BaseModel):
    """How each model of a deployment is trained, tested and guarded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(32, strict=True, ge=1, le=1_000_000, description="samples a gradient step", examples=[32])
    fit: Annotated[FitArguments, BeforeValidator(_from_text)] = Field(
        default_factory=FitArguments,
        description="an object, or the keyword text that Keras users know: `epochs=5, steps_per_epoch=100`",
    )
    evaluate: Annotated[EvaluateArguments, BeforeValidator(_from_text)] = Field(
        default_factory=EvaluateArguments, description="an object, or keyword text such as `steps=100`"
    )
    confusion_matrix: bool = Field(
        True, strict=True, description="whether classifiers report a confusion matrix on the test part"
    )
    on_bad_message: Literal["refuse", "skip"] = Field(
        "refuse",
        description="what a message that can't be decoded does to the training: end it, or be counted and left out",
    )
    memory_mb: int = Field(
        2048,
        strict=True,
        ge=1024,
        le=1_048_576,
        description="memory that the model's process may use, in MiB; TensorFlow alone takes some 600",
    )
    timeout_seconds: int = Field(
        86_400, strict=True, ge=1, le=31_536_000, description="time that the whole training may take"
    )
    placement: Placement = Field(
        default_factory=Placement,
        description="where each training runs on Kubernetes; without meaning where trainings are processes on one machine",
    )
