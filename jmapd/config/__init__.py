"""The configuration: TOML in, checked and typed settings out.

`table.py` declares every setting, `kinds.py` says what values there are, `checks.py` what must hold between them.
"""

from jmapd.config.load import load, load_again, names_data_dir
from jmapd.config.mistakes import ConfigurationError
from jmapd.config.settings import (
    TLS,
    Auth,
    Listener,
    Log,
    Observe,
    Server,
    Settings,
    Storage,
    Upload,
    WebSockets,
    Workers,
)

__all__ = [
    "TLS",
    "Auth",
    "ConfigurationError",
    "Listener",
    "Log",
    "Observe",
    "Server",
    "Settings",
    "Storage",
    "Upload",
    "WebSockets",
    "Workers",
    "load",
    "load_again",
    "names_data_dir",
]
