"""Configs of the language planner: light to import, as they are read before its libraries are."""

from typing import Literal

from embodied_mem.config import Config
from planners.symbolic_planner import SymbolicPlannerConfig


class EndpointConfig(Config, frozen=True):
    """Where a language model answers, and within what bounds."""

    model: str
    """Name of the model, as the server knows it."""
    base_url: str = "http://127.0.0.1:8000/v1"
    """Address up to and without `/chat/completions`."""
    key_env: str | None = None
    """Name of the environment variable that holds the key; none is sent without it."""
    timeout: float = 60.0
    """Longest time for one call, with all that is tried again [s]."""
    connect_timeout: float = 10.0
    """Longest time to connect [s]."""
    retries: int = 3
    """Times that a call is tried again after the server was busy or the connection broke."""
    longest_wait: float = 20.0
    """Longest pause before trying again, whatever `Retry-After` says [s]."""
    max_reply_bytes: int = 262_144
    """More is not read [bytes]."""
    reply_tokens: int = 1500
    """Longest answer asked for [tokens]."""
    reply_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """How the server calls that limit."""
    temperature: float = 0.0
    structured: bool = True
    """Whether to ask for structured output; where it is refused, plain JSON is asked for."""


class BudgetConfig(Config, frozen=True):
    """The most that one task may take; each limit ends in a reason that names it."""

    steps: int = 1000
    """Actions."""
    calls: int = 24
    """Requests to the language model."""
    tokens: int = 200_000
    """Of all questions and answers [tokens]."""
    failures: int = 12
    """Plan steps that may fail."""
    repeats: int = 2
    """Times that the same step may be begun in the same situation."""
    circles: int = 2
    """Plans that may be dropped for going in circles."""


class LanguagePlannerConfig(Config, frozen=True, tag="language"):
    """Planning by a language model at an OpenAI-compatible endpoint."""

    endpoint: EndpointConfig
    budget: BudgetConfig = BudgetConfig()
    memory_tokens: int = 2000
    """Most of the memory that the model is told [tokens]."""
    examples: int = 3
    """Most records of like tasks that the model is told."""
    fallback: bool = True
    """Whether the symbolic planner takes over where the model fails."""
    symbolic: SymbolicPlannerConfig = SymbolicPlannerConfig()
    """That planner, and how to move."""
