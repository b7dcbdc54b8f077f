"""What the agent remembers."""

from embodied_mem.memory.memory import Memory as Memory
from embodied_mem.memory.records import Known as Known
from embodied_mem.memory.records import Placement as Placement
from embodied_mem.memory.records import Sighting as Sighting
from embodied_mem.memory.records import WriteReport as WriteReport
