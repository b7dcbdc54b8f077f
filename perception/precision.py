"""How exactly networks compute."""

from typing import Literal

Precision = Literal["float32", "bf16", "fp16"]
"""float32, or the halves that the device computes in where that is safe; weights stay float32."""
