"""Draws action chunks: diffusers' schedulers around the action head.

Every solver is linear: what it shows the head next is a weighted sum of the noise and of what the
head said so far. So a scheduler is asked once for these weights, and a robot that draws a chunk
multiplies; asking it each time takes longer than a small head does.

Axes: s steps, b chunks, k actions, a numbers to an action.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, assert_never

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from jaxtyping import Float
from torch import Tensor

from planners.diffusion.noise import TIMES, Objective, SamplingConfig

Predict = Callable[[Tensor, Tensor], Tensor]
"""What the head says of noisy actions (b, k, a) at times (b,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A solver's steps."""

    times: Float[Tensor, "s"]
    """Of the diffusion, as the head is told them."""
    weights: Float[Tensor, "s s+1"]
    """Of the noise and of what the head said at each step, in what comes after a step."""


def sample(
    predict: Predict,
    noise: Float[Tensor, "b k a"],
    config: SamplingConfig,
    objective: Objective = "epsilon",
) -> Float[Tensor, "b k a"]:
    """Take the noise out, step by step."""
    plan = planned("flow" if objective == "flow" else config.solver, config.steps)
    times, weights = plan.times.to(noise), plan.weights.to(noise)
    known = noise.new_empty(config.steps + 1, *noise.shape)  # The noise, then what was said.
    known[0] = x = noise
    for step in range(config.steps):
        known[step + 1] = predict(x, times[step].expand(len(x)))
        x = torch.tensordot(weights[step, : step + 2], known[: step + 2], 1)
    return x


@lru_cache(maxsize=16)
def planned(solver: Literal["ddim", "dpm", "flow"], steps: int) -> Plan:
    """Ask a scheduler for its weights: it is shown unit vectors, and mixes them."""
    with torch.inference_mode(mode=False):  # They are kept, for whoever asks next.
        scheduler, told = built(solver, steps)
        units = torch.eye(steps + 1)
        x, rows = units[0], []
        for time, said in zip(torch.as_tensor(scheduler.timesteps), units[1:], strict=True):
            x = scheduler.step(said, time, x, return_dict=False)[0]  # pyright: ignore
            rows.append(x)
        return Plan(times=told, weights=torch.stack(rows))


def built(
    solver: Literal["ddim", "dpm", "flow"], steps: int
) -> tuple[
    DDIMScheduler | DPMSolverMultistepScheduler | FlowMatchEulerDiscreteScheduler,
    Float[Tensor, "s"],
]:
    """Return a scheduler, and the times that the head is told."""
    match solver:
        case "ddim":
            scheduler = DDIMScheduler(
                num_train_timesteps=TIMES,
                beta_schedule="squaredcos_cap_v2",
                prediction_type="epsilon",
                clip_sample=False,
                set_alpha_to_one=True,
                steps_offset=0,
                timestep_spacing="leading",
            )
        case "dpm":
            scheduler = DPMSolverMultistepScheduler(
                num_train_timesteps=TIMES,
                beta_schedule="squaredcos_cap_v2",
                prediction_type="epsilon",
                algorithm_type="dpmsolver++",
                solver_order=2,
                timestep_spacing="linspace",
            )
        case "flow":
            scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=TIMES)
            shares = torch.linspace(1, 1 / steps, steps)
            scheduler.set_timesteps(sigmas=shares.tolist())
            return scheduler, shares * TIMES
        case _:
            assert_never(solver)
    scheduler.set_timesteps(steps)
    return scheduler, torch.as_tensor(scheduler.timesteps).float()
