"""The endpoint of a language model that flags name."""

from embodied_mem.errors import ConfigError
from planners.language_config import EndpointConfig
from planners.llm_client import ChatClient

_PATIENCE = 30.0
"""Longest time for one answer [s]."""


def chat_client(url: str | None, model: str | None, key_env: str | None) -> ChatClient:
    """Return a client.

    Raises:
        ConfigError: The address or the key cannot be used, or only half of it is said.
    """
    if not url or not model:
        raise ConfigError(
            "a language model needs `--llm-url` and `--llm-model`, for example "
            "`--llm-url http://127.0.0.1:8000/v1 --llm-model qwen3-vl`."
        )
    endpoint = EndpointConfig(base_url=url, model=model, key_env=key_env, timeout=_PATIENCE)
    return ChatClient(endpoint)
