"""Online stores: entry points of the group `lakeloop.online_stores`, named by a scheme, name what opens one.

>>> sorted(name for name in vars(OnlineStore) if not name.startswith("_"))
['close', 'look_up', 'manifest', 'stage', 'swap']
"""

from lakeloop.errors import EnvironmentProblemError
from lakeloop.online_store.encoding import decode_states, encode_key, encode_states, to_micros
from lakeloop.online_store.manifest import Manifest, decode_manifest, encode_manifest, merged
from lakeloop.online_store.problems import no_answer, read_only
from lakeloop.online_store.states import served_state, with_newer
from lakeloop.online_store.store import Found, Key, OnlineStore, PublishedTable, State, Value

__all__ = [
    "EnvironmentProblemError",
    "Found",
    "Key",
    "Manifest",
    "OnlineStore",
    "PublishedTable",
    "State",
    "Value",
    "decode_manifest",
    "decode_states",
    "encode_key",
    "encode_manifest",
    "encode_states",
    "merged",
    "no_answer",
    "read_only",
    "served_state",
    "to_micros",
    "with_newer",
]
