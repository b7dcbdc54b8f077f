"""Draws action chunks: diffusers' schedulers around the action head.

Axes: b chunks, k actions, a numbers to an action.
"""

from collections.abc import Callable
from typing import assert_never

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


def sample(
    predict: Predict,
    noise: Float[Tensor, "b k a"],
    config: SamplingConfig,
    objective: Objective = "epsilon",
) -> Float[Tensor, "b k a"]:
    """Take the noise out, step by step."""
    if objective == "flow":
        return _flow(predict, noise, config.steps)
    match config.solver:
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
        case _:
            assert_never(config.solver)
    scheduler.set_timesteps(config.steps)
    x = noise
    for time in scheduler.timesteps.tolist():
        said = predict(x, torch.full_like(x[:, 0, 0], time))
        x = scheduler.step(said, time, x, return_dict=False)[0]
    return x


def _flow(predict: Predict, noise: Tensor, steps: int) -> Tensor:
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=TIMES)
    shares = torch.linspace(1, 1 / steps, steps)
    scheduler.set_timesteps(sigmas=shares.tolist())
    times = torch.as_tensor(scheduler.timesteps)
    x = noise
    for time, share in zip(times, shares.tolist(), strict=True):
        said = predict(x, torch.full_like(x[:, 0, 0], share * TIMES))
        x = scheduler.step(said, time, x, return_dict=False)[0]  # pyright: ignore
    return x
