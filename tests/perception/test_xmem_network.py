"""The network against recorded outputs, and its fast forms against the plain ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from embodied_mem.errors import ConfigError
from embodied_mem.memory import attention
from perception.xmem.blocks import GroupResBlock, JoinedConv
from perception.xmem.drawn_weights import drawn_weights
from perception.xmem.loading import build_network, load_network, read_checkpoint
from perception.xmem.network import Dimensions, MemoryNetwork, XMem, aggregate, probabilities
from perception.xmem.trunks import BasicBlock, Bottleneck, fold_norms

GOLDEN = Path(__file__).parents[1] / "golden" / "xmem" / "units.npz"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return drawn_weights({name: t.shape for name, t in XMem().state_dict().items()})


@pytest.fixture(scope="module")
def network(state) -> MemoryNetwork:
    return build_network(state).prepare()


@pytest.fixture(scope="module")
def recorded() -> dict[str, torch.Tensor]:
    with np.load(GOLDEN) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


def test_the_network_has_the_published_size(state):
    network = XMem()
    assert sum(p.numel() for p in network.parameters()) == 62_185_224
    assert len(state) == 412


@torch.inference_mode()
def test_values_and_masks_equal_the_recorded_ones(network, recorded):
    value = network.value_encoder.fuser(recorded["f16"], recorded["layer3"])
    close(value[None], recorded["value"])
    reinforced = network.value_encoder.hidden_reinforce(value, torch.zeros(2, 64, 6, 8))
    close(reinforced[None], recorded["hidden_deep"])
    decoder, g4 = network.decoder, recorded["decoder_up_8_4"][0]
    close(decoder.pred(torch.relu(g4)), recorded["decoder_pred"][:1])
    close(probabilities(recorded["decoder_pred"][None, :, 0]), recorded["prob"])
    joined = decoder.hidden_update.join(
        recorded["decoder_fuser"][0],
        recorded["decoder_up_16_8"][0],
        torch.cat((g4, recorded["decoder_pred"][:1]), dim=1),
    )
    hidden = decoder.hidden_update(joined, recorded["hidden_deep"][0, :1])
    close(hidden, recorded["hidden_next"][0, :1])


def test_similarity_and_affinity_equal_the_recorded_ones(recorded):
    rows = attention.memory_rows(recorded["key"][0].flatten(1).T, recorded["shrinkage"].flatten())
    query = attention.query_rows(
        recorded["key1"][0].flatten(1).T, recorded["selection1"][0].flatten(1).T
    )
    similarity = query @ rows.T
    torch.testing.assert_close(similarity.T, recorded["similarity"][0], atol=5e-4, rtol=1e-5)
    read = attention.attend(similarity, 30)
    dense = torch.zeros_like(similarity).scatter_(1, read.indices, read.weights)
    close(dense.T, recorded["affinity"][0])
    close(read.usage(48), recorded["affinity"][0].sum(dim=1))


def test_similarity_is_the_weighted_distance():
    torch.manual_seed(0)
    key, query = torch.randn(7, 5).double(), torch.randn(4, 5).double()
    shrinkage, selection = 1 + torch.rand(7).double(), torch.rand(4, 5).double()
    ours = attention.query_rows(query, selection) @ attention.memory_rows(key, shrinkage).T
    for i in range(7):
        for j in range(4):
            plain = -shrinkage[i] / 5**0.5 * (selection[j] * (key[i] - query[j]) ** 2).sum()
            assert ours[j, i] == pytest.approx(float(plain), abs=1e-12)


def test_joined_convolutions_equal_one_over_both_maps():
    torch.manual_seed(0)
    conv = JoinedConv(6, 4, 5)
    image, objects = torch.randn(2, 6, 7, 8), torch.randn(6, 4, 7, 8)
    both = torch.cat((image.repeat_interleave(3, dim=0), objects), dim=1)
    plain = nn.functional.conv2d(both, conv.weight, conv.bias, padding=1)
    torch.testing.assert_close(conv(image, objects), plain, atol=1e-5, rtol=1e-5)
    conv.split()
    torch.testing.assert_close(conv(image, objects), plain, atol=1e-5, rtol=1e-5)


def test_split_weights_move_with_the_module_and_are_not_saved():
    joined = JoinedConv(3, 4, 5)
    names = set(joined.state_dict())
    joined.split()
    assert set(joined.state_dict()) == names
    x, g = torch.randn(1, 3, 6, 6).double(), torch.randn(2, 4, 6, 6).double()
    moved = joined.to(torch.float64)(x, g)  # As if to another device.
    both = torch.cat((x.expand(2, -1, -1, -1), g), dim=1)
    whole = torch.nn.functional.conv2d(both, joined.weight, joined.bias, padding=1)
    torch.testing.assert_close(moved, whole)


@pytest.mark.parametrize("block", [Bottleneck(8, 4, 2), BasicBlock(8, 16, 2), BasicBlock(8, 8)])
def test_folded_norms_change_nothing(block: nn.Module):
    torch.manual_seed(1)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -1, 1)
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    x = torch.randn(2, 8, 9, 9)
    with torch.inference_mode():
        plain = block(x)
        fold_norms(block)
        assert not any(isinstance(module, nn.BatchNorm2d) for module in block.modules())
        torch.testing.assert_close(block(x), plain, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_objects_do_not_depend_on_each_others_order(network):
    torch.manual_seed(2)
    features = torch.randn(1, 1024, 2, 3), torch.randn(1, 512, 4, 6), torch.randn(1, 256, 8, 12)
    readout, hidden = torch.randn(1, 3, 512, 2, 3), torch.randn(1, 3, 64, 2, 3)
    logits, after = network.segment(features, readout, hidden, update=True)
    order = [2, 0, 1]
    swapped, after_swapped = network.segment(
        features, readout[:, order], hidden[:, order], update=True
    )
    torch.testing.assert_close(swapped, logits[:, order], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after_swapped, after[:, order], atol=1e-4, rtol=1e-4)


def test_aggregation_is_a_distribution_by_odds():
    torch.manual_seed(3)
    masks = torch.rand(1, 3, 4, 5, dtype=torch.float64)
    found = aggregate(masks)[0]
    q = [float((1 - masks[0, :, 1, 2]).prod()), *masks[0, :, 1, 2].tolist()]
    odds = [p / (1 - p) for p in q]
    np.testing.assert_allclose(found[:, 1, 2], np.array(odds) / sum(odds), atol=1e-9)
    torch.testing.assert_close(found.sum(dim=0), torch.ones(4, 5, dtype=torch.float64))
    sure = aggregate(torch.ones(1, 2, 1, 1))
    assert torch.isfinite(sure).all()


def test_residual_blocks_widen_only_where_they_must():
    assert GroupResBlock(4, 4).downsample is None
    assert GroupResBlock(4, 5).downsample is not None


def without(state: dict[str, torch.Tensor], *, sensory: bool, others: bool) -> dict:
    """Return the weights of a published variant."""
    changed = dict(state)
    if not sensory:
        changed = {n: t for n, t in changed.items() if "hidden_" not in n}
        for name in ("conv1", "downsample"):
            key = f"decoder.fuser.block1.{name}.weight"
            changed[key] = changed[key][:, :1536].contiguous()
    if not others:
        key = "value_encoder.conv1.weight"
        changed[key] = changed[key][:, :4].contiguous()
    return changed


@pytest.mark.parametrize(("sensory", "others"), [(True, True), (False, True), (True, False)])
def test_published_variants_load_and_run(state, tmp_path: Path, sensory: bool, others: bool):
    path = tmp_path / "weights.safetensors"
    save_file(without(state, sensory=sensory, others=others), path)
    network = load_network(path)
    assert network.dimensions == Dimensions(64, 512, 64 * sensory, 1 + others)
    with torch.inference_mode():
        encoded = network.encode_key(torch.randn(1, 3, 32, 48))
        hidden = torch.zeros(1, 2, 64, 2, 3) if sensory else None
        masks = torch.rand(1, 2, 32, 48)
        value, hidden = network.encode_value(
            torch.randn(1, 3, 32, 48), encoded.features[0], hidden, masks, deep=True
        )
        logits, hidden = network.segment(encoded.features, value, hidden, update=True)
    assert logits.shape == (1, 2, 8, 12)
    assert (hidden is None) is not sensory


def test_weights_that_do_not_fit_are_refused(state):
    short = {name: tensor for name, tensor in state.items() if name != "decoder.pred.bias"}
    with pytest.raises(ConfigError, match=r"does not fit the network: .*decoder\.pred\.bias"):
        build_network(short)
    with pytest.raises(ConfigError, match=r"no XMem checkpoint: it has no key_proj"):
        build_network({"conv.weight": torch.zeros(1)})


def test_files_that_are_no_weights_are_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="there are no weights at"):
        read_checkpoint(tmp_path / "XMem.pth")
    broken = tmp_path / "XMem.pth"
    broken.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_checkpoint(broken)
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="does not hold a mapping of names to tensors"):
        read_checkpoint(tmp_path / "other.pth")


def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path):
    class Attack:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"weight": Attack()}, tmp_path / "XMem.pth")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_checkpoint(tmp_path / "XMem.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["golden_xmem_units", "golden_memory_trace_threegroups", "golden_memory_trace_nolt"]
)
def test_the_comparison_with_recordings_passes(name: str):
    recordings = Path(__file__).parents[2].parent / "shared" / "data" / "golden_xmem"
    if not recordings.is_dir():
        pytest.skip("the recordings of XMem are not beside this checkout")
    script = Path(__file__).parents[2] / "benchmarks" / "golden_xmem.py"
    command = [sys.executable, str(script), str(recordings / f"{name}.npz")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.rstrip().endswith("PASS")
