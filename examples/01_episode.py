"""An agent wakes up in an unknown house and does what it is told.

python examples/01_episode.py
"""

from embodied_mem import Memory
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.runtime import Agent, run_episode
from perception import OracleConfig, Pipeline
from planners import parse_task
from planners.affordances import vocabulary
from planners.symbolic_planner import SymbolicPlanner, SymbolicPlannerConfig

TASK = "put an apple in the fridge"

agent = Agent(
    perceive=Pipeline(OracleConfig()),
    memory=Memory(),
    planner=SymbolicPlanner(SymbolicPlannerConfig()),
)
goal = parse_task(TASK, vocabulary())
with HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=3, rooms=3))) as sim:
    outcome = run_episode(sim, agent, goal=goal, judge=sim, max_steps=600)

print(f"{TASK}: {'done' if outcome.success else outcome.reason}, {outcome.steps} steps")
print(f"the memory now holds {len(agent.memory)} objects, among them:")
for known in agent.memory.known()[:8]:
    x, y, z = known.position
    print(
        f"  {known.object_id:16} at ({x:5.2f}, {y:5.2f}, {z:5.2f}) m, seen {known.sightings} times"
    )
