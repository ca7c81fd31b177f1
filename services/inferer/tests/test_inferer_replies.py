"""What a guest answers is taken only if it is an answer; anybody's code runs there."""

import numpy as np
import pytest

from kafka_ml_inferer.replies import Loaded, Predicted, Warmed, checked
from kafka_ml_sandbox.deaths import GuestError


@pytest.mark.parametrize(
    ("kind", "reply"),
    [
        (Predicted, {}),
        (Predicted, {"failed": [1]}),
        (Predicted, {"failed": [["0", "why"]]}),
        (Predicted, {"failed": [[-1, "why"]]}),
        (Predicted, {"failed": {"0": "why"}}),
        (Warmed, {}),
        (Warmed, {"sizes": ["many"]}),
        (Loaded, {}),
        (Loaded, {"shape": [8], "width": "3", "dtype": "<f4"}),
        (Loaded, {"shape": [8, 0], "width": 3, "dtype": "<f4"}),
        (Loaded, {"shape": [1 << 20] * 8, "width": 3, "dtype": "<f4"}),
        (Loaded, {"shape": [8], "width": 1 << 40, "dtype": "<f4"}),
    ],
)
def test_what_is_no_answer_is_the_models_fault(kind, reply):
    with pytest.raises(GuestError) as error:
        checked(kind, reply)
    assert error.value.reason == "protocol"


@pytest.mark.parametrize(
    ("dtype", "width"), [("x", 3), ("O", 3), ("<U8", 3), ("(2,)f4", 3), ("f4,f4", 3), ("{'a':1}", 3), ("<f4", 0)]
)
def test_outputs_that_are_no_numbers_have_no_type(dtype, width):
    assert checked(Loaded, {"shape": [8], "width": width, "dtype": dtype}).row_type() is None


def test_a_right_answer_is_taken():
    loaded = checked(Loaded, {"shape": [4, 4, 1], "width": 3, "dtype": "<f4"})
    assert (loaded.shape, loaded.row_type()) == ([4, 4, 1], np.dtype("float32"))


def test_failed_rows_come_once_each_in_order_and_within_the_batch():
    reply = {"failed": [[5, "b"], [2, "a" * 10_000], [5, "b"], [90, "c"]]}
    assert checked(Predicted, reply).by_row(10) == {2: "a" * 500, 5: "b"}
