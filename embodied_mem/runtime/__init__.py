"""The loop: perceive, remember, plan, act; and what watches it."""

from embodied_mem.runtime.agent import Agent as Agent
from embodied_mem.runtime.episode import run_episode as run_episode
