"""Frames in, percepts out."""

from perception.appearance import ColourFeaturesConfig as ColourFeaturesConfig
from perception.depth_filters import DepthFilter as DepthFilter
from perception.depth_filters import DepthFilterConfig as DepthFilterConfig
from perception.detections import Detections as Detections
from perception.detections import Detector as Detector
from perception.geometric import Geometric as Geometric
from perception.geometric import GeometricConfig as GeometricConfig
from perception.learned.config import LearnedConfig as LearnedConfig
from perception.lift import LiftConfig as LiftConfig
from perception.lift import lift as lift
from perception.noise import NoiseConfig as NoiseConfig
from perception.noise import NoiseModel as NoiseModel
from perception.open_vocabulary_config import OpenVocabularyConfig as OpenVocabularyConfig
from perception.oracle import Oracle as Oracle
from perception.oracle import OracleConfig as OracleConfig
from perception.pipeline import FeaturesConfig as FeaturesConfig
from perception.pipeline import PerceptionConfig as PerceptionConfig
from perception.pipeline import Pipeline as Pipeline
from perception.pipeline import build_detector as build_detector
from perception.timm_config import TimmFeaturesConfig as TimmFeaturesConfig
from perception.torchvision_config import TorchvisionConfig as TorchvisionConfig
