"""A language model plans; nothing moves before its plan was checked.

python examples/06_language_planner.py             a stand-in for a model, inside this script
LLM_URL=http://127.0.0.1:8000/v1 LLM_MODEL=qwen3 python examples/06_language_planner.py
"""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from embodied_mem import Memory
from embodied_mem.backends.household.backend import HouseholdSim, HouseholdSimConfig
from embodied_mem.backends.household.house_source import HouseSource
from embodied_mem.goals import Goal, parse_goal
from embodied_mem.runtime import Agent, run_episode
from embodied_mem.runtime.judging import StatedGoal
from perception import OracleConfig, Pipeline
from planners.language import LanguagePlanner
from planners.language_config import EndpointConfig, LanguagePlannerConfig

TASK = "I would like to have my tea by the sofa; let the mug wait for me there, on the sofa itself"


class StandIn(BaseHTTPRequestHandler):
    """Answers as a model would for this one task, from what the prompt says is remembered."""

    def do_POST(self) -> None:
        """Answer a chat completion."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        told = request["messages"][-1]["content"]
        steps = [("find", "mug"), ("find", "sofa"), ("pickup", "mug"), ("put", "mug", "sofa")]
        if "mug_1" not in told or "sofa_1" not in told:
            steps = steps[:1] if "mug_1" not in told else steps[1:2]  # Look first, plan then.
        calls = [dict(zip(("skill", "object", "place"), (*s, ""), strict=False)) for s in steps]
        plan = {"goal": [{"predicate": "on", "terms": ["mug", "sofa"]}], "steps": calls}
        choice = {"message": {"role": "assistant", "content": json.dumps(plan)}}
        body = json.dumps({"choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = EndpointConfig(
    base_url=os.environ.get("LLM_URL", f"http://127.0.0.1:{server.server_port}/v1"),
    model=os.environ.get("LLM_MODEL", "stand-in"),
    key_env="LLM_KEY" if "LLM_KEY" in os.environ else None,
)
agent = Agent(
    perceive=Pipeline(OracleConfig()),
    memory=Memory(),
    planner=LanguagePlanner(LanguagePlannerConfig(endpoint=endpoint)),
)
with HouseholdSim(HouseholdSimConfig(house=HouseSource(seed=2, rooms=1))) as sim:
    judge = StatedGoal(sim, parse_goal("on(mug, sofa)"))  # The planner is not told.
    outcome = run_episode(sim, agent, goal=Goal((), TASK), judge=judge, max_steps=300)
server.shutdown()

print(f"{TASK!r}: {'done' if outcome.success else 'not done'} after {outcome.steps} steps")
print(outcome.reason)
