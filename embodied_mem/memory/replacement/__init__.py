"""Who is forgotten when the memory is full: policies over object ids."""

from embodied_mem.memory.replacement.choice import ReplacementConfig as ReplacementConfig
from embodied_mem.memory.replacement.choice import make_policy as make_policy
from embodied_mem.memory.replacement.decay import Decay as Decay
from embodied_mem.memory.replacement.decay import DecayConfig as DecayConfig
from embodied_mem.memory.replacement.lfu import LFU as LFU
from embodied_mem.memory.replacement.lfu import LFUConfig as LFUConfig
from embodied_mem.memory.replacement.policy import Policy as Policy
from embodied_mem.memory.replacement.queues import FIFO as FIFO
from embodied_mem.memory.replacement.queues import LRU as LRU
from embodied_mem.memory.replacement.queues import FIFOConfig as FIFOConfig
from embodied_mem.memory.replacement.queues import LRUConfig as LRUConfig
from embodied_mem.memory.replacement.sketch import FrequencySketch as FrequencySketch
from embodied_mem.memory.replacement.tinylfu import TinyLFU as TinyLFU
from embodied_mem.memory.replacement.tinylfu import TinyLFUConfig as TinyLFUConfig
