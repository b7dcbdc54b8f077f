"""Which devices Vulkan finds: a script of the standard library alone, which prints JSON.

It is run in a process of its own, since a broken driver may end the process that asks it. It asks
the loader itself, as SAPIEN does; no `vulkaninfo` is needed. Numbers are those of the Vulkan
specification, 1.3.
"""

import ctypes
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int32, c_uint32, c_void_p

KINDS = ("other", "integrated GPU", "GPU", "virtual GPU", "software")
"""Of devices, by VkPhysicalDeviceType."""

_VERSION_1_1 = 1 << 22 | 1 << 12
_APPLICATION, _INSTANCE, _PROPERTIES, _DRIVER = 0, 1, 1_000_059_001, 1_000_196_000


class _Application(Structure):
    _fields_ = [
        ("kind", c_uint32), ("next", c_void_p), ("name", c_char_p), ("version", c_uint32),
        ("engine", c_char_p), ("engine_version", c_uint32), ("api", c_uint32),
    ]  # fmt: skip


class _Instance(Structure):
    _fields_ = [
        ("kind", c_uint32), ("next", c_void_p), ("flags", c_uint32),
        ("application", POINTER(_Application)), ("layers", c_uint32), ("layer_names", c_void_p),
        ("extensions", c_uint32), ("extension_names", c_void_p),
    ]  # fmt: skip


class _Driver(Structure):
    _fields_ = [
        ("kind", c_uint32), ("next", c_void_p), ("driver", c_uint32), ("name", c_char * 256),
        ("info", c_char * 256), ("conformance", c_uint32),
    ]  # fmt: skip


class _Properties(Structure):
    _fields_ = [
        ("kind", c_uint32), ("next", POINTER(_Driver)), ("api", c_uint32), ("version", c_uint32),
        ("vendor", c_uint32), ("device", c_uint32), ("type", c_uint32), ("name", c_char * 256),
        ("rest", c_char * 1024),  # Limits and more: less than that.
    ]  # fmt: skip


def found(libraries: Sequence[str]) -> dict[str, object]:
    """Ask a loader for its devices, or say why there are none.

    Args:
        libraries: Names or paths of loaders; the first that is there is asked.
    """
    vulkan = _loaded(libraries)
    if vulkan is None:
        return {"error": "no loader"}
    application = _Application(kind=_APPLICATION, api=_VERSION_1_1)
    asked = _Instance(kind=_INSTANCE, application=ctypes.pointer(application))
    instance, count = c_void_p(), c_uint32()
    vulkan.vkCreateInstance.restype = c_int32
    if vulkan.vkCreateInstance(byref(asked), None, byref(instance)) != 0:
        return {"error": "no driver"}
    vulkan.vkEnumeratePhysicalDevices(instance, byref(count), None)
    devices = (c_void_p * count.value)()
    vulkan.vkEnumeratePhysicalDevices(instance, byref(count), devices)
    described = [_described(vulkan, c_void_p(device)) for device in devices]
    vulkan.vkDestroyInstance(instance, None)
    return {"devices": described} if described else {"error": "no driver"}


def _loaded(libraries: Sequence[str]) -> ctypes.CDLL | None:
    for library in libraries:
        with suppress(OSError):
            return ctypes.CDLL(library)
    return None


def _described(vulkan: ctypes.CDLL, device: c_void_p) -> dict[str, object]:
    driver = _Driver(kind=_DRIVER)
    properties = _Properties(kind=_PROPERTIES, next=ctypes.pointer(driver))
    vulkan.vkGetPhysicalDeviceProperties2(device, byref(properties))
    return {
        "name": properties.name.decode(errors="replace"),
        "kind": KINDS[properties.type] if properties.type < len(KINDS) else KINDS[0],
        "driver": driver.info.decode(errors="replace"),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(found(sys.argv[1:])))
