"""The ROS packages, as far as they can be checked without ROS.

`tests/golden/ros2/rclpy_api.txt` holds public names of rclpy, recorded from a real one (Jazzy).
"""

import ast
import configparser
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

pytest.importorskip("rosbags", reason="needs the extra `bags`")

from embodied_mem.config import dump_config
from embodied_mem.errors import ConfigError
from ros_nodes.memory_config import MemoryNodeConfig
from ros_nodes.messages import interface_files
from ros_nodes.parameters import PARAMETERS, node_config

ROOT = Path(__file__).parents[2]
ROS, NODES = ROOT / "ros", ROOT / "ros_nodes"
MESSAGES, NODE = ROS / "embodied_mem_msgs", ROS / "embodied_mem_ros"
RCLPY = NODES / "rclpy_transport.py"
RECORDED = frozenset((ROOT / "tests/golden/ros2/rclpy_api.txt").read_text().split())
DEFAULTS = {parameter.name: parameter.default for parameter in PARAMETERS}


def interface_texts(folder: Path) -> dict[str, str]:
    files = [path for kind in ("msg", "srv", "action") for path in folder.rglob(f"*.{kind}")]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_the_ros_package_has_the_definitions_of_the_wheel_and_lists_them_all():
    texts = interface_texts(MESSAGES)
    assert texts == interface_texts(interface_files() / "embodied_mem_msgs")
    listed = re.findall(
        r'"((?:msg|srv|action)/\w+\.(?:msg|srv|action))"', (MESSAGES / "CMakeLists.txt").read_text()
    )
    assert listed == sorted(texts)


@pytest.mark.parametrize("package", [MESSAGES, NODE])
def test_package_xml_has_what_ros_requires(package):
    root = ElementTree.parse(package / "package.xml").getroot()
    assert (root.tag, root.get("format")) == ("package", "3")
    assert root.findtext("name") == package.name
    assert re.fullmatch(r"\d+\.\d+\.\d+", root.findtext("version") or "")
    maintainer = root.find("maintainer")
    assert maintainer is not None
    assert "@" in (maintainer.get("email") or "")
    assert root.findtext("license") == "Apache-2.0"
    kinds = {MESSAGES: "ament_cmake", NODE: "ament_python"}
    assert root.findtext("export/build_type") == kinds[package]
    depends = [element.text for element in root.iter() if element.tag.endswith("depend")]
    assert len(depends) == len(set(depends))


def test_the_message_package_depends_on_all_that_its_definitions_name():
    root = ElementTree.parse(MESSAGES / "package.xml").getroot()
    depends = {element.text for element in root.findall("depend")}
    used = set()
    for text in interface_texts(MESSAGES).values():
        used |= set(re.findall(r"(?m)^(\w+)/\w+", text))
    assert used | {"action_msgs"} == depends  # Every action is made of its types.
    assert root.findtext("member_of_group") == "rosidl_interface_packages"
    cmake = (MESSAGES / "CMakeLists.txt").read_text()
    assert all(f"find_package({name} REQUIRED)" in cmake for name in depends)


def test_the_node_package_depends_on_every_message_package_that_is_used():
    root = ElementTree.parse(NODE / "package.xml").getroot()
    depends = {element.text for element in root.findall("exec_depend")}
    used = set()
    for path in (NODES / "node_core.py", NODES / "memory_services.py", NODES / "json_rpc.py"):
        used |= set(re.findall(r'"(\w+)/(?:msg|srv)/\w+"', path.read_text()))
    assert used <= depends


def test_entry_points_marker_and_folders_are_where_ros_looks():
    parser = configparser.ConfigParser()
    parser.read(NODE / "setup.cfg")
    assert parser["develop"]["script_dir"] == "$base/lib/embodied_mem_ros"
    assert parser["install"]["install_scripts"] == "$base/lib/embodied_mem_ros"
    assert (NODE / "resource" / "embodied_mem_ros").is_file()
    setup = (NODE / "setup.py").read_text()
    compile(setup, "setup.py", "exec")
    assert "memory_node = {NAME}.memory_node:main" in setup
    module = ast.parse((NODE / "embodied_mem_ros/memory_node.py").read_text())
    imported = [node for node in module.body if isinstance(node, ast.ImportFrom)]
    assert [(node.module, node.names[0].name) for node in imported] == [
        ("ros_nodes.rclpy_transport", "main")
    ]
    assert "def main(" in RCLPY.read_text()


@pytest.mark.parametrize("path", sorted((NODE / "launch").glob("*.py")), ids=lambda p: p.name)
def test_launch_files_compile_and_describe_a_launch(path):
    tree = ast.parse(path.read_text())
    compile(tree, str(path), "exec")
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert "generate_launch_description" in functions
    for name in imported_names(tree):
        if name.startswith(("launch_ros.actions.", "launch.LaunchDescription")):
            assert name in RECORDED


def test_rclpy_is_imported_by_one_module_alone():
    users = set()
    for path in NODES.rglob("*.py"):
        if any(
            name.split(".")[0] == "rclpy" for name in imported_names(ast.parse(path.read_text()))
        ):
            users.add(path)
    assert users == {RCLPY}


def test_every_name_of_rclpy_that_is_used_exists():
    tree = ast.parse(RCLPY.read_text())
    used = {n for n in imported_names(tree) if n.startswith("rclpy.")}
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for attribute in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute)):
        match ast.unparse(attribute.value):
            case "rclpy":
                used.add(f"rclpy.{attribute.attr}")
            case "self._node" | "node" | "super()":
                if attribute.attr not in {"release"}:
                    used.add(f"rclpy.lifecycle.LifecycleNode.{attribute.attr}")
            case "executor":
                used.add(f"rclpy.executors.MultiThreadedExecutor.{attribute.attr}")
            case "TransitionCallbackReturn" as name:
                used.add(f"rclpy.lifecycle.{name}.{attribute.attr}")
            case "QoSOverridingOptions" as name:
                used.add(f"rclpy.qos_overriding_options.{name}.{attribute.attr}")
            case "ReliabilityPolicy" | "DurabilityPolicy" | "HistoryPolicy" as name:
                used.add(f"rclpy.qos.{name}.{attribute.attr}")
    used -= {"rclpy.lifecycle.LifecycleNode.__init__"}
    for method in methods_called_on_self(tree, "MemoryLifecycleNode") - own:
        used.add(f"rclpy.lifecycle.LifecycleNode.{method}")
    assert len(used) > 40
    assert sorted(used - RECORDED) == []


def test_the_lifecycle_node_overrides_the_callbacks_of_rclpy():
    tree = ast.parse(RCLPY.read_text())
    overridden = {
        n.name
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef) and n.name.startswith("on_")
    }
    assert overridden == {
        "on_configure", "on_activate", "on_deactivate", "on_cleanup", "on_shutdown", "on_error"
    }  # fmt: skip


def test_the_defaults_of_the_parameters_are_those_of_the_config():
    config = node_config(DEFAULTS, name="embodied_mem", namespace="/")
    assert dump_config(config) == dump_config(MemoryNodeConfig())
    for parameter in PARAMETERS:
        if parameter.low is not None and parameter.high is not None:
            assert parameter.low <= float(parameter.default) <= parameter.high


def test_parameters_that_do_not_fit_are_refused(tmp_path):
    for name, value in (
        ("topics.image_transport", "theora"),
        ("timing.sync_queue", "many"),
        ("agent", str(tmp_path / "nothing.yaml")),
    ):
        with pytest.raises(ConfigError):
            node_config(DEFAULTS | {name: value}, name="a", namespace="/")


def test_the_shipped_parameters_are_known_ones_and_fit():
    shipped = yaml.safe_load((NODE / "config/memory.yaml").read_text())["/**"]["ros__parameters"]
    flat = {f"{group}.{name}": v for group, values in shipped.items() for name, v in values.items()}
    assert flat.keys() <= DEFAULTS.keys()
    node_config(DEFAULTS | flat, name="a", namespace="/")


@pytest.mark.parametrize("name", ["cyclonedds.xml", "fastdds.xml"])
def test_dds_profiles_are_well_formed(name):
    ElementTree.parse(NODE / "config" / name)


def test_the_rviz_view_shows_what_the_node_latches():
    view = yaml.safe_load((NODE / "config/memory.rviz").read_text())
    topics = [d["Topic"] for d in view["Visualization Manager"]["Displays"] if "Topic" in d]
    assert [(t["Value"], t["Durability Policy"]) for t in topics] == [
        ("/embodied_mem/markers", "Transient Local")
    ]


def imported_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def methods_called_on_self(tree: ast.Module, owner: str) -> set[str]:
    (body,) = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == owner]
    calls = (n.func for n in ast.walk(body) if isinstance(n, ast.Call))
    return {
        f.attr for f in calls if isinstance(f, ast.Attribute) and ast.unparse(f.value) == "self"
    }
