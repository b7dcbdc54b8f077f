"""Frames in, percepts out."""

from perception.detections import Detections as Detections
from perception.detections import Detector as Detector
from perception.learned.config import LearnedConfig as LearnedConfig
from perception.lift import LiftConfig as LiftConfig
from perception.lift import lift as lift
from perception.noise import NoiseConfig as NoiseConfig
from perception.noise import NoiseModel as NoiseModel
from perception.oracle import Oracle as Oracle
from perception.oracle import OracleConfig as OracleConfig
from perception.pipeline import PerceptionConfig as PerceptionConfig
from perception.pipeline import Pipeline as Pipeline
from perception.pipeline import build_detector as build_detector
