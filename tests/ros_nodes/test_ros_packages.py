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
from ros_nodes.messages import interface_files
from ros_nodes.node_kinds import KINDS, MEMORY
from ros_nodes.parameters import config_of

ROOT = Path(__file__).parents[2]
ROS, NODES = ROOT / "ros", ROOT / "ros_nodes"
MESSAGES, NODE = ROS / "embodied_mem_msgs", ROS / "embodied_mem_ros"
RCLPY = tuple(sorted(NODES.glob("rclpy_*.py")))
RECORDED = frozenset((ROOT / "tests/golden/ros2/rclpy_api.txt").read_text().split())
DEFAULTS = {parameter.name: parameter.default for parameter in MEMORY.parameters}

OWNERS = {
    "rclpy": "rclpy",
    "self._node": "rclpy.lifecycle.LifecycleNode",
    "node": "rclpy.lifecycle.LifecycleNode",
    "super()": "rclpy.lifecycle.LifecycleNode",
    "executor": "rclpy.executors.MultiThreadedExecutor",
    "TransitionCallbackReturn": "rclpy.lifecycle.TransitionCallbackReturn",
    "QoSOverridingOptions": "rclpy.qos_overriding_options.QoSOverridingOptions",
    "ReliabilityPolicy": "rclpy.qos.ReliabilityPolicy",
    "DurabilityPolicy": "rclpy.qos.DurabilityPolicy",
    "HistoryPolicy": "rclpy.qos.HistoryPolicy",
    "GoalResponse": "rclpy.action.GoalResponse",
    "CancelResponse": "rclpy.action.CancelResponse",
    "handle": "rclpy.action.server.ServerGoalHandle",
    "self._handle": "rclpy.action.server.ServerGoalHandle",
    "goal_handle": "rclpy.action.client.ClientGoalHandle",
    "self._goal_handle": "rclpy.action.client.ClientGoalHandle",
    "self._actions": "rclpy.action.ActionClient",
    "actions": "rclpy.action.ActionClient",
    "offered.server": "rclpy.action.ActionServer",
    "self._client": "rclpy.client.Client",
    "future": "rclpy.task.Future",
    "self.ended": "rclpy.task.Future",
}
"""What the variables of our rclpy modules are, so that their attributes can be looked up."""

OURS = {
    "rclpy_nodes.py": {"release"},  # `node.release()` is our own node's.
    "rclpy_transport.py": {"get"},
}


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


ANY = 1000
ELEMENTS = {
    **dict.fromkeys(("name", "version", "description"), (1, 1)),
    **dict.fromkeys(("maintainer", "license"), (1, ANY)),
    **dict.fromkeys(("url", "author", "depend", "build_depend", "buildtool_depend"), (0, ANY)),
    **dict.fromkeys(("build_export_depend", "buildtool_export_depend", "exec_depend"), (0, ANY)),
    **dict.fromkeys(("test_depend", "doc_depend", "group_depend", "member_of_group"), (0, ANY)),
    **dict.fromkeys(("conflict", "replace"), (0, ANY)),
    "export": (0, 1),
}
"""What `package_format3.xsd` (REP 149) allows in a package, and how often."""


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
    children = [element.tag for element in root]
    assert set(children) <= ELEMENTS.keys()
    for element, (least, most) in ELEMENTS.items():
        assert least <= children.count(element) <= most, element
    depends = [element.text for element in root.iter() if element.tag.endswith("depend")]
    assert len(depends) == len(set(depends))
    assert all(re.fullmatch(r"[a-z][a-z0-9_-]*", name or "") for name in depends)


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
    for path in NODES.glob("*.py"):
        if path.stem not in {"messages", "bag", "action_types", "rosidl"}:  # They name examples.
            used |= set(re.findall(r'"(\w+)/(?:msg|srv|action)/\w+"', path.read_text()))
    assert used <= depends


def test_entry_points_marker_and_folders_are_where_ros_looks():
    parser = configparser.ConfigParser()
    parser.read(NODE / "setup.cfg")
    assert parser["develop"]["script_dir"] == "$base/lib/embodied_mem_ros"
    assert parser["install"]["install_scripts"] == "$base/lib/embodied_mem_ros"
    assert (NODE / "resource" / "embodied_mem_ros").is_file()
    setup = (NODE / "setup.py").read_text()
    compile(setup, "setup.py", "exec")
    points = dict(re.findall(r'"(\w+) = ros_nodes\.rclpy_nodes:(\w+)"', setup))
    assert len(points) == len(KINDS)
    tree = ast.parse((NODES / "rclpy_nodes.py").read_text())
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert set(points.values()) <= functions
    for path in (NODE / "launch").glob("*.py"):
        for executable in re.findall(r'executable="(\w+_node)"', path.read_text()):
            assert executable in points


@pytest.mark.parametrize("path", sorted((NODE / "launch").glob("*.py")), ids=lambda p: p.name)
def test_launch_files_compile_and_describe_a_launch(path):
    tree = ast.parse(path.read_text())
    compile(tree, str(path), "exec")
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert "generate_launch_description" in functions
    shared = ast.parse((NODE / "embodied_mem_ros" / "launching.py").read_text())
    for name in (*imported_names(tree), *imported_names(shared)):
        if name.startswith(("launch_ros.actions.", "launch.LaunchDescription")):
            assert name in RECORDED


def test_rclpy_is_imported_by_its_own_modules_alone():
    users = set()
    for path in NODES.rglob("*.py"):
        if any(
            name.split(".")[0] == "rclpy" for name in imported_names(ast.parse(path.read_text()))
        ):
            users.add(path)
    assert users == set(RCLPY)


def test_every_name_of_rclpy_that_is_used_exists():
    used = set()
    for path in RCLPY:
        tree = ast.parse(path.read_text())
        used |= {n for n in imported_names(tree) if n.startswith("rclpy.")}
        for attribute in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute)):
            owner = OWNERS.get(ast.unparse(attribute.value))
            ours = OURS.get(path.name, set()) | {"__init__"}
            if owner is not None and attribute.attr not in ours:
                used.add(f"{owner}.{attribute.attr}")
    tree = ast.parse((NODES / "rclpy_nodes.py").read_text())
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for method in methods_called_on_self(tree, "CoreLifecycleNode") - own:
        used.add(f"rclpy.lifecycle.LifecycleNode.{method}")
    assert len(used) > 70
    assert sorted(used - RECORDED) == []


def test_the_lifecycle_node_overrides_the_callbacks_of_rclpy():
    tree = ast.parse((NODES / "rclpy_nodes.py").read_text())
    overridden = {
        n.name
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef) and n.name.startswith("on_")
    }
    assert overridden == {
        "on_configure", "on_activate", "on_deactivate", "on_cleanup", "on_shutdown", "on_error"
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_defaults_of_the_parameters_are_those_of_the_config(kind):
    defaults = {parameter.name: parameter.default for parameter in kind.parameters}
    config = made(kind, defaults)
    assert dump_config(config) == dump_config(kind.config())
    for parameter in kind.parameters:
        if parameter.low is not None and parameter.high is not None:
            assert parameter.low <= float(parameter.default) <= parameter.high


def test_parameters_that_do_not_fit_are_refused(tmp_path):
    for name, value in (
        ("topics.image_transport", "theora"),
        ("timing.sync_queue", "many"),
        ("agent", str(tmp_path / "nothing.yaml")),
    ):
        with pytest.raises(ConfigError):
            made(MEMORY, DEFAULTS | {name: value})


def test_parameters_that_name_files_are_read(tmp_path):
    file = tmp_path / "agent.yaml"
    file.write_text("perception: {type: geometric}\n")
    config = made(MEMORY, DEFAULTS | {"agent": str(file)})
    assert "geometric" in dump_config(config)


def made(kind, values):
    return config_of(kind.config, values, files=kind.files, name=kind.name, namespace="/")


@pytest.mark.parametrize("path", sorted((NODE / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_shipped_parameters_are_known_ones_and_fit(path):
    names = {"memory": MEMORY} | {kind.name: kind for kind in KINDS}
    kind = names[path.stem]
    shipped = yaml.safe_load(path.read_text())["/**"]["ros__parameters"]
    flat = {}
    for name, value in shipped.items():
        nested = value.items() if isinstance(value, dict) else ()
        flat |= {f"{name}.{inner}": one for inner, one in nested} or {name: value}
    defaults = {parameter.name: parameter.default for parameter in kind.parameters}
    assert flat.keys() <= defaults.keys()
    made(kind, defaults | flat)


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
