"""The choice of a policy."""

from typing import assert_never

from embodied_mem.memory.replacement.decay import Decay, DecayConfig
from embodied_mem.memory.replacement.lfu import LFU, LFUConfig
from embodied_mem.memory.replacement.policy import Policy
from embodied_mem.memory.replacement.queues import FIFO, LRU, FIFOConfig, LRUConfig
from embodied_mem.memory.replacement.tinylfu import TinyLFU, TinyLFUConfig

ReplacementConfig = FIFOConfig | LRUConfig | LFUConfig | TinyLFUConfig | DecayConfig


def make_policy(config: ReplacementConfig, capacity: int) -> Policy:
    """Build the policy that a config names, for at most `capacity` keys."""
    match config:
        case FIFOConfig():
            return FIFO()
        case LRUConfig():
            return LRU()
        case LFUConfig():
            return LFU()
        case TinyLFUConfig():
            return TinyLFU(config, capacity)
        case DecayConfig():
            return Decay(config)
        case _:
            assert_never(config)
