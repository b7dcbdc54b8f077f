"""Published action heads: every tensor lands where it belongs; what does not fit is refused."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from embodied_mem.errors import StoreError, StoreFormatError, WeightsError
from planners.diffusion.denoiser import Denoiser, DenoiserConfig
from planners.diffusion.published import fill, load_published, published_head

Array = NDArray[np.float64]
ACTIONS, COGNITIVE, PERCEPTUAL, CHUNK = 7, 24, 12, 5


def drawn(
    depth: int, width: int, *, looks: bool = True, history: bool = False
) -> dict[str, Tensor]:
    """A head's tensors under their published names, all of them random."""
    shapes: dict[str, tuple[int, ...]] = {
        "positional_embedding": (CHUNK + 1, width),
        "x_embedder.linear": (width, ACTIONS),
        "t_embedder.mlp.0": (width, 256),
        "t_embedder.mlp.2": (width, width),
        "z_embedder.uncondition": (1, COGNITIVE),
        "z_embedder.linear": (width, COGNITIVE),
        "final_layer.linear": (ACTIONS, width),
    }
    if looks:
        shapes["per_token_embedder.linear"] = (width, PERCEPTUAL)
    if history:
        shapes["history_embedder.linear"] = (width, ACTIONS)
    for block in (f"blocks.{number}" for number in range(depth)):
        shapes[f"{block}.attn.qkv"] = (3 * width, width)
        shapes[f"{block}.attn.proj"] = (width, width)
        shapes[f"{block}.mlp.fc1"] = (4 * width, width)
        shapes[f"{block}.mlp.fc2"] = (width, 4 * width)
        if looks:
            shapes[f"{block}.per_attn.in_proj"] = (3 * width, width)
            shapes[f"{block}.per_attn.out_proj"] = (width, width)
            shapes[f"{block}.norm3"] = (width,)
    chance = torch.Generator().manual_seed(depth * width)
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        tensor = torch.randn(shape, generator=chance) / math.sqrt(shape[-1])
        if name in ("positional_embedding", "z_embedder.uncondition"):
            tensors[name] = tensor
            continue
        join = "_" if name.endswith("in_proj") else "."
        tensors[f"{name}{join}weight"] = tensor
        tensors[f"{name}{join}bias"] = 0.1 * torch.randn(shape[:1], generator=chance)
    return tensors


def said(tensors: dict[str, Tensor], heads: int, given: dict[str, Array]) -> Array:
    """What the published head says, written down naively."""
    w = {name: tensor.double().numpy() for name, tensor in tensors.items()}

    def linear(name: str, x: Array) -> Array:
        return np.einsum("...i,oi->...o", x, w[f"{name}.weight"]) + w[f"{name}.bias"]

    def normal(x: Array) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)

    def mixed(q: Array, k: Array, v: Array) -> Array:
        size = q.shape[-1] // heads
        out = np.zeros_like(q)
        for row in range(len(q)):
            for head in range(heads):
                own = slice(head * size, (head + 1) * size)
                fit = np.einsum("td,sd->ts", q[row, :, own], k[row, :, own]) / math.sqrt(size)
                share = np.exp(fit - fit.max(-1, keepdims=True))
                share /= share.sum(-1, keepdims=True)
                out[row, :, own] = np.einsum("ts,sd->td", share, v[row, :, own])
        return out

    angles = given["times"][:, None] * np.exp(-math.log(10_000) * np.arange(128) / 128)
    time = linear("t_embedder.mlp.0", np.concatenate([np.cos(angles), np.sin(angles)], -1))
    time = linear("t_embedder.mlp.2", time / (1 + np.exp(-time)))
    condition = given["cognitive"][:, None].copy()
    condition[given["dropped"].astype(bool)] = w["z_embedder.uncondition"]
    first = time[:, None] + linear("z_embedder.linear", condition)
    x = np.concatenate([first, linear("x_embedder.linear", given["noisy"])], 1)
    x = x + w["positional_embedding"]
    looks = "per_token_embedder.linear.weight" in w
    seen = linear("per_token_embedder.linear", given["perceptual"]) if looks else None
    for block in sorted({name.rsplit(".attn.qkv")[0] for name in w if ".attn.qkv." in name}):
        q, k, v = np.split(linear(f"{block}.attn.qkv", normal(x)), 3, -1)
        x = x + linear(f"{block}.attn.proj", mixed(q, k, v))
        if seen is not None:
            asked = normal(x) * w[f"{block}.norm3.weight"] + w[f"{block}.norm3.bias"]
            weights = np.split(w[f"{block}.per_attn.in_proj_weight"], 3)
            biases = np.split(w[f"{block}.per_attn.in_proj_bias"], 3)
            q, k, v = (
                np.einsum("bti,oi->bto", of, weight) + bias
                for of, weight, bias in zip((asked, seen, seen), weights, biases, strict=True)
            )
            x = x + linear(f"{block}.per_attn.out_proj", mixed(q, k, v))
        wide = linear(f"{block}.mlp.fc1", normal(x))
        gelu = 0.5 * wide * (1 + np.tanh(math.sqrt(2 / math.pi) * (wide + 0.044715 * wide**3)))
        x = x + linear(f"{block}.mlp.fc2", gelu)
    return linear("final_layer.linear", normal(x[:, 1:]))


def asked() -> dict[str, Array]:
    chance = np.random.default_rng(0)
    return {
        "noisy": chance.normal(size=(3, CHUNK, ACTIONS)),
        "times": np.array([0.0, 41.0, 99.0]),
        "cognitive": chance.normal(size=(3, COGNITIVE)),
        "perceptual": chance.normal(size=(3, 4, PERCEPTUAL)),
        "dropped": np.array([0.0, 1.0, 0.0]),
    }


def ours(head: Denoiser, given: dict[str, Array]) -> Array:
    tensors = {name: torch.from_numpy(array).float() for name, array in given.items()}
    with torch.no_grad():
        return (
            head(
                tensors["noisy"],
                tensors["times"],
                tensors["cognitive"],
                tensors["perceptual"] if head.perception is not None else None,
                dropped=tensors["dropped"].bool(),
            )
            .double()
            .numpy()
        )


def tiny(*, looks: bool = True, chunk: int = CHUNK) -> Denoiser:
    return Denoiser(
        actions=ACTIONS,
        cognitive=COGNITIVE,
        perceptual=PERCEPTUAL if looks else None,
        config=DenoiserConfig(depth=2, width=16, heads=4, chunk=chunk),
    )


@pytest.mark.parametrize("looks", [True, False])
def test_a_published_head_says_what_its_publication_does(tmp_path: Path, looks: bool) -> None:
    tensors = drawn(6, 384, looks=looks, history=not looks)
    held = {f"action_model.net.{name}": tensor for name, tensor in tensors.items()}
    save_file(held | {"projector.weight": torch.zeros(2)}, tmp_path / "a.safetensors")
    head = published_head(tmp_path / "a.safetensors").eval()
    np.testing.assert_allclose(ours(head, asked()), said(tensors, 4, asked()), atol=1e-5)
    assert sum(p.numel() for p in head.parameters()) == sum(
        tensor.numel() for name, tensor in tensors.items() if "history" not in name
    )


def test_each_tensor_matters_where_it_is_and_nowhere_else() -> None:
    tensors, head = drawn(2, 16), tiny()
    fill(head, tensors, Path("a"))
    plain = ours(head, asked())
    np.testing.assert_allclose(plain, said(tensors, 4, asked()), atol=1e-5)
    for name, tensor in tensors.items():
        noise = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1))
        changed = tensors | {name: tensor + 0.3 * noise}
        fill(head, changed, Path("a"))
        np.testing.assert_allclose(
            ours(head, asked()), said(changed, 4, asked()), atol=1e-5, err_msg=name
        )
    for one, other in (
        ("blocks.0.attn.qkv.weight", "blocks.0.per_attn.in_proj_weight"),
        ("blocks.0.attn.proj.weight", "blocks.1.attn.proj.weight"),
        ("blocks.1.mlp.fc1.weight", "blocks.0.mlp.fc1.weight"),
        ("blocks.0.attn.proj.bias", "blocks.0.mlp.fc2.bias"),
        ("x_embedder.linear.bias", "z_embedder.linear.bias"),
    ):
        fill(head, tensors | {one: tensors[other], other: tensors[one]}, Path("a"))
        assert np.abs(ours(head, asked()) - plain).max() > 1e-3


def test_heads_in_files_of_torch_are_found_in_the_whole(tmp_path: Path) -> None:
    tensors = drawn(2, 16, looks=False, history=True)
    net = {f"net.{name}": tensor for name, tensor in tensors.items()}
    whole = {"model": {"action_model": net, "projector": {"weight": torch.zeros(2)}}, "epoch": 3}
    torch.save(whole, tmp_path / "whole.pt")
    head = tiny(looks=False)
    load_published(tmp_path / "whole.pt", head)
    np.testing.assert_allclose(ours(head, asked()), said(tensors, 4, asked()), atol=1e-5)
    other = {name: tensor + 1 for name, tensor in net.items()}
    torch.save({"model": {"action_model": net, "ema_diffusion": other}}, tmp_path / "two.pt")
    with pytest.raises(WeightsError, match=r"has: 'model\.action_model\.net', 'model\.ema_diff"):
        load_published(tmp_path / "two.pt", head)
    load_published(tmp_path / "two.pt", head, part="model.ema_diffusion.net")
    assert torch.equal(head.out.bias, tensors["final_layer.linear.bias"] + 1)


def test_what_does_not_fit_is_refused_and_named(tmp_path: Path) -> None:
    tensors, head = drawn(2, 16), tiny()
    before = {name: tensor.clone() for name, tensor in head.state_dict().items()}
    missing = {k: v for k, v in tensors.items() if k != "blocks.1.norm3.weight"}
    for given, words in (
        (missing, r"it lacks blocks\.1\.before_look\.weight\."),
        (tensors | {"blocks.2.adaLN.weight": torch.ones(3)}, "has besides blocks.2.adaLN.weight"),
        (
            tensors | {"x_embedder.linear.weight": torch.ones(16, 8)},
            r"action\.weight is of \[16, 8\] instead of \[16, 7\]",
        ),
        (
            tensors | {"blocks.0.attn.qkv.bias": torch.ones(16)},
            r"lacks blocks\.0\.among\.query\.bias, .* has besides blocks\.0\.attn\.qkv\.bias",
        ),
    ):
        with pytest.raises(WeightsError, match=words):
            fill(head, given, Path("a"))
    with pytest.raises(WeightsError, match=r"position is of \[6, 16\] instead of \[9, 16\]"):
        fill(tiny(chunk=8), tensors, Path("a"))
    with pytest.raises(WeightsError, match=r"besides .*perception\.weight"):
        fill(tiny(looks=False), tensors, Path("a"))
    assert all(torch.equal(before[name], tensor) for name, tensor in head.state_dict().items())


class Code:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this must not run",)


def test_files_that_are_no_heads_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.pt"
    with pytest.raises(StoreError, match="there is no such file"):
        published_head(path)
    path.write_bytes(pickle.dumps({"model": Code()}))
    with pytest.raises(StoreFormatError, match="It is not unpickled"):
        published_head(path)
    assert "must not run" not in capsys.readouterr().out
    torch.save({"weight": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match="has: none"):
        published_head(path)
    torch.save(drawn(2, 16), path)
    with pytest.raises(WeightsError, match="2 blocks of width 16, which is no published size"):
        published_head(path)
    torch.save({"x_embedder.linear.weight": torch.ones(384, 7)}, path)
    with pytest.raises(WeightsError, match="lacks positional_embedding"):
        published_head(path)
    other = tmp_path / "a.safetensors"
    other.write_bytes(b"no tensors at all")
    with pytest.raises(StoreFormatError, match="are damaged"):
        published_head(other)
