"""Memory for robots and long videos.

Core types, memory and the episode loop. Perception and planning are the sibling packages
`perception` and `planners`, which import this one; this module never imports them.
"""

from embodied_mem.errors import EmbodiedMemError as EmbodiedMemError
from embodied_mem.memory import Memory as Memory
from embodied_mem.types import Action as Action
from embodied_mem.types import Camera as Camera
from embodied_mem.types import Frame as Frame
from embodied_mem.types import Percept as Percept
