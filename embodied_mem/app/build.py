"""Configs to parts: one union and one `match` for each seam."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, assert_never

import sim_configs
from embodied_mem.app.commands import Senses
from embodied_mem.backends.agent_body import AgentBodyConfig
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.config import Config, load_config
from embodied_mem.errors import ConfigError
from embodied_mem.interfaces import Backend, Perceiver, Planner
from embodied_mem.memory import Memory
from embodied_mem.memory.memory import MemoryConfig
from embodied_mem.runtime import Agent
from perception import (
    ColourFeaturesConfig,
    FeaturesConfig,
    GeometricConfig,
    LearnedConfig,
    NoiseConfig,
    OracleConfig,
    PerceptionConfig,
    Pipeline,
)
from perception.naming import Namer
from planners.language_config import EndpointConfig, LanguagePlannerConfig
from planners.symbolic_planner import SymbolicPlanner, SymbolicPlannerConfig

PlannerConfig = SymbolicPlannerConfig | LanguagePlannerConfig
"""By symbols, or by a language model."""

PlannerName = Literal["symbolic", "language"]
"""A planner, by name."""

BackendName = Literal["household", "thor"]
"""The simulator in this process, or the same house through the real ai2thor client."""


class AgentConfig(Config, frozen=True):
    """Who acts."""

    perception: PerceptionConfig = OracleConfig()
    features: FeaturesConfig = ColourFeaturesConfig()
    memory: MemoryConfig = MemoryConfig()
    planner: PlannerConfig = SymbolicPlannerConfig()


def build_perceiver(config: PerceptionConfig, features: FeaturesConfig | None = None) -> Perceiver:
    """Build the perceiver that a config describes, and what describes looks: colours when None."""
    return Pipeline(config, features)


def build_planner(config: PlannerConfig) -> Planner:
    """Build the planner that a config describes."""
    match config:
        case SymbolicPlannerConfig():
            return SymbolicPlanner(config)
        case LanguagePlannerConfig():
            from planners.language import LanguagePlanner  # noqa: PLC0415 - an extra.

            return LanguagePlanner(config)
        case _:
            assert_never(config)


def build_backend(name: BackendName, config: HouseholdSimConfig) -> Backend:
    """Build a simulator that shows the house of a config; it is a judge too.

    Raises:
        HouseError: The house cannot be read.
        MissingExtraError: The ai2thor client is asked for and not installed.
    """
    match name:
        case "household":
            return HouseholdSim(config)
        case "thor":
            return _thor(config)
        case _:
            assert_never(name)


def _thor(config: HouseholdSimConfig) -> Backend:
    from embodied_mem.backends.thor import ThorBackend, ThorConfig  # noqa: PLC0415 - an extra.

    if config.sensor is not None:
        raise ConfigError(
            "a depth sensor's errors are simulated by the backend 'household' only, got one for "
            "'thor'. Leave `sensor` out, or use 'household'."
        )
    body = {name: getattr(config, name) for name in AgentBodyConfig.__struct_fields__}
    return ThorBackend(ThorConfig(house=config.house, **body))


def build_agent(config: AgentConfig, memory: Memory | None = None) -> Agent:
    """Build an agent around a memory, or around an empty one; it uses the names in it."""
    memory = Memory(config.memory) if memory is None else memory
    return Agent(
        perceive=Namer(build_perceiver(config.perception, config.features), memory),
        memory=memory,
        planner=build_planner(config.planner),
    )


def agents_for_tasks(
    config: AgentConfig, memory: Memory, *, keep_memory: bool
) -> Callable[[int], Agent]:
    """Return who does each of several tasks: one agent, or each time one that knows nothing.

    Args:
        config: Who acts.
        memory: What all use; cleared before each later task unless it is kept.
        keep_memory: Whether memory, and what a planner noted for itself, last from task to task.
    """
    agents: list[Agent] = []

    def agent_for(number: int) -> Agent:
        if not agents or not keep_memory:
            if number > 0:
                memory.clear()
            agents[:] = [build_agent(config, memory)]
        return agents[0]

    return agent_for


def senses(kind: Senses, *, seed: int = 0) -> PerceptionConfig:
    """Return the perception that the command line names; `seed` is that of its noise."""
    match kind:
        case "oracle":
            return OracleConfig()
        case "noisy":
            return OracleConfig(noise=NoiseConfig(seed=seed))
        case "geometric":
            return GeometricConfig()
        case "learned":
            return LearnedConfig()
        case _:
            assert_never(kind)


def planner_config(
    kind: PlannerName, url: str | None, model: str | None, key_env: str | None
) -> PlannerConfig:
    """Return the planner that the command line names.

    Raises:
        ConfigError: The flags do not go together.
    """
    match kind:
        case "symbolic":
            if url or model or key_env:
                raise ConfigError(
                    "`--llm-...` is for `--planner language`; add that, or drop these."
                )
            return SymbolicPlannerConfig()
        case "language":
            if not url or not model:
                raise ConfigError(
                    "`--planner language` needs `--llm-url` and `--llm-model`, for example "
                    "`--llm-url http://127.0.0.1:8000/v1 --llm-model qwen3`."
                )
            endpoint = EndpointConfig(base_url=url, model=model, key_env=key_env)
            return LanguagePlannerConfig(endpoint=endpoint)
        case _:
            assert_never(kind)


def house_source(house: str | None, *, seed: int = 0, rooms: int | None = None) -> HouseSource:
    """Read `FILE` or `FILE:N`; without a file, the generated house of a seed."""
    if house is None:
        return HouseSource(seed=seed, rooms=rooms)
    file, colon, index = house.rpartition(":")
    if colon and index.isdigit() and not Path(house).exists():
        return HouseSource(file=file, index=int(index))
    return HouseSource(file=house)


def sim_config(name: str) -> HouseholdSimConfig:
    """Read a simulator's config: a YAML file, or a name among the shipped ones.

    Raises:
        ConfigError: There is neither, or it does not fit.
    """
    shipped = sim_configs.path(name)
    if not Path(name).is_file() and shipped.is_file():
        return load_config(str(shipped), HouseholdSimConfig)
    if not Path(name).is_file():
        raise ConfigError(
            f"there is no config file '{name}', nor a shipped one of that name. "
            "Shipped are for example household/demo_house and household/kitchen."
        )
    return load_config(name, HouseholdSimConfig)
