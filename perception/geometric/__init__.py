"""Things by their shape: no weights, no names."""

from perception.geometric.detector import Geometric as Geometric
from perception.geometric.detector import GeometricConfig as GeometricConfig
