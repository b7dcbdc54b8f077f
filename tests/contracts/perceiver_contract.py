"""Checks that perceivers must pass. Subclass, provide `perceiver` and `frame`, add your own."""

from dataclasses import replace

import numpy as np
import pytest

from embodied_mem.interfaces import Perceiver
from embodied_mem.types import Frame, Percept


class PerceiverContract:
    @pytest.fixture
    def perceiver(self) -> Perceiver:
        raise NotImplementedError("override the `perceiver` fixture")

    @pytest.fixture
    def frame(self) -> Frame:
        """Return a frame with depth, camera and pose, which shows something."""
        raise NotImplementedError("override the `frame` fixture")

    def test_fits_the_protocol(self, perceiver: Perceiver):
        assert isinstance(perceiver, Perceiver)

    def test_a_percept_says_what_kind_of_frame_it_is_of(self, perceiver: Perceiver, frame: Frame):
        percept = perceiver(frame)
        assert isinstance(percept, Percept)
        assert percept.frame.stamp == frame.stamp
        np.testing.assert_array_equal(percept.frame.rgb, frame.rgb)

    def test_scores_are_shares(self, perceiver: Perceiver, frame: Frame):
        scores = perceiver(frame).scores
        assert ((scores >= 0) & (scores <= 1)).all()

    def test_features_have_unit_length_and_one_width(self, perceiver: Perceiver, frame: Frame):
        features = perceiver(frame).features
        assert features.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)

    def test_masks_are_never_empty(self, perceiver: Perceiver, frame: Frame):
        percept = perceiver(frame)
        assert percept.masks.dtype == bool
        assert percept.masks.reshape(len(percept), -1).any(axis=1).all()

    def test_boxes_hold_most_of_their_points(self, perceiver: Perceiver, frame: Frame):
        percept = perceiver(frame)
        for box, points in zip(percept.boxes, percept.points, strict=True):
            assert points.dtype == np.float32
            if len(points):
                inside = ((points >= box[0] - 1e-4) & (points <= box[1] + 1e-4)).all(axis=1)
                assert inside.mean() > 0.8
                assert (box[0] <= box[1]).all()
            else:
                assert np.isnan(box).all()

    def test_the_frame_is_left_as_it_was(self, perceiver: Perceiver, frame: Frame):
        assert frame.depth is not None
        rgb, depth = frame.rgb.copy(), frame.depth.copy()
        perceiver(frame)
        np.testing.assert_array_equal(frame.rgb, rgb)
        np.testing.assert_array_equal(frame.depth, depth)

    def test_depth_that_is_nowhere_known_gives_no_points(self, perceiver: Perceiver, frame: Frame):
        assert frame.depth is not None
        for nothing in (np.nan, 0.0, np.inf):
            percept = perceiver(replace(frame, depth=np.full_like(frame.depth, nothing)))
            assert all(len(points) == 0 for points in percept.points)
            assert np.isnan(percept.boxes).all()
