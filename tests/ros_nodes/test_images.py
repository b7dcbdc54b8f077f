import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ros_nodes_messages import image

from ros_nodes.drops import Reason, UnusableMessageError
from ros_nodes.images import (
    color_image,
    compressed_color,
    compressed_depth,
    depth_image,
    image_values,
    number_image,
    pixels,
)

SIZES = st.tuples(st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=40, deadline=None)
@given(size=SIZES, pad=st.integers(0, 9), seed=st.integers(0, 99))
@pytest.mark.parametrize(
    ("encoding", "order"), [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2])]
)
def test_colour_is_rgb_whatever_the_order_and_the_step(encoding, order, size, pad, seed):
    channels = 4 if encoding == "rgba8" else 3
    sent = np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)
    np.testing.assert_array_equal(color_image(image(sent, encoding, pad=pad)), sent[:, :, order])


@settings(max_examples=40, deadline=None)
@given(size=SIZES, pad=st.integers(0, 9), big=st.booleans(), seed=st.integers(0, 99))
def test_depth_is_metres_in_either_form_and_byte_order(size, pad, big, seed):
    counts = np.random.default_rng(seed).integers(0, 20000, size).astype(np.uint16)
    expected = np.where(counts == 0, np.nan, counts * 0.001)
    np.testing.assert_allclose(
        depth_image(image(counts, "16UC1", pad=pad, big=big)), expected, rtol=1e-6
    )
    metres = expected.astype(np.float32)
    np.testing.assert_array_equal(depth_image(image(metres, "32FC1", pad=pad, big=big)), metres)


def test_depth_that_was_not_measured_is_nan():
    sent = np.array([[0, -1, np.inf], [np.nan, 1, 2]], np.float32)
    expected = np.array([[np.nan] * 3, [np.nan, 1, 2]], np.float32)
    np.testing.assert_array_equal(depth_image(image(sent, "32FC1")), expected)


def test_what_is_written_is_read_back():
    numbers = np.arange(12, dtype=np.int32).reshape(3, 4)
    values = image_values(numbers, "32SC1", {})
    np.testing.assert_array_equal(number_image(SimpleNamespace(**values)), numbers)
    assert values["step"] == 16


@pytest.mark.parametrize(
    ("read", "encoding", "reason"),
    [
        (color_image, "16UC1", Reason.ENCODING),
        (color_image, "yuv422", Reason.ENCODING),
        (depth_image, "rgb8", Reason.ENCODING),
        (number_image, "32FC1", Reason.ENCODING),
        (pixels, "yuv422", Reason.ENCODING),
    ],
)
def test_wrong_encodings_are_named(read, encoding, reason):
    with pytest.raises(UnusableMessageError, match=encoding) as caught:
        read(SimpleNamespace(encoding=encoding, height=1, width=1, step=4, data=bytes(4)))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("field", "value"),
    [("height", 9), ("step", 5), ("data", b"short"), ("width", 0), ("height", 2**31)],
)
def test_images_whose_size_and_data_disagree_are_malformed(field, value):
    message = image(np.zeros((2, 2, 3), np.uint8), "rgb8")
    setattr(message, field, value)
    with pytest.raises(UnusableMessageError) as caught:
        color_image(message)
    assert caught.value.reason == Reason.MALFORMED


def test_compressed_colour_is_decoded_as_rgb():
    sent = np.zeros((8, 8, 3), np.uint8)
    sent[:, :, 0] = 200
    data = cv2.imencode(".png", sent[:, :, ::-1])[1].tobytes()
    np.testing.assert_array_equal(compressed_color(SimpleNamespace(data=data, format="png")), sent)


def test_compressed_depth_in_millimetres_and_as_inverse_depth():
    counts = np.array([[0, 1000], [2500, 65535]], np.uint16)
    png = cv2.imencode(".png", counts)[1].tobytes()
    message = SimpleNamespace(format="16UC1; compressedDepth png", data=bytes(12) + png)
    expected = np.where(counts == 0, np.nan, counts * 0.001)
    np.testing.assert_allclose(compressed_depth(message), expected, rtol=1e-6)
    a, b = 100.0 * 101, 1 - 101.0  # As depth_quantization 100 and depth_max 1 m would give.
    message = SimpleNamespace(
        format="32FC1; compressedDepth png", data=struct.pack("<iff", 0, a, b) + png
    )
    expected = np.where(counts == 0, np.nan, a / (counts - b))
    np.testing.assert_allclose(compressed_depth(message), expected, rtol=1e-5)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8garbage", bytes(40)])
def test_damaged_compressed_images_are_malformed(data):
    with pytest.raises(UnusableMessageError) as caught:
        compressed_color(SimpleNamespace(data=data, format="jpeg"))
    assert caught.value.reason == Reason.MALFORMED
    with pytest.raises(UnusableMessageError):
        compressed_depth(SimpleNamespace(data=data, format="16UC1; compressedDepth png"))
