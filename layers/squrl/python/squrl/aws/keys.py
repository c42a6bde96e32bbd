"""The keys as a process knows them: a request rarely has to wait for one."""

import time
from typing import NamedTuple

from squrl.keys import Key
from squrl.ports import KeyStore

# In seconds of the wall clock: a revoked key is refused everywhere within a minute, and a new one works at once.
FOUND_KEPT = 30
MISSED_KEPT = 5
MOST = 1000  # ids that are remembered, so that who tries many takes no memory


class _Known(NamedTuple):
    key: Key | None
    read_at: float


class KnownKeys:
    """What a process remembers between invocations.

    Attributes
    ----------
    keys : dict
        The answers of the store, with when it gave them, by the keys' ids: `MOST` at most.
    """

    def __init__(self) -> None:
        self.keys: dict[str, _Known] = {}

    def get(self, id_: str, store: KeyStore) -> Key | None:
        """Return a key by its id, from memory or from the store."""
        now = time.time()
        known = self.keys.get(id_)
        if known and 0 <= now - known.read_at < (FOUND_KEPT if known.key else MISSED_KEPT):
            return known.key
        key = store.find_key(id_)
        if len(self.keys) >= MOST:
            self.keys.clear()
        self.keys[id_] = _Known(key, now)
        return key


class RememberedKeys:
    """A `KeyStore`, for one invocation.

    Parameters
    ----------
    known : KnownKeys
        The process's memory.
    table : KeyStore
        Where the keys are.
    """

    def __init__(self, known: KnownKeys, table: KeyStore) -> None:
        self._known = known
        self._table = table

    def find_key(self, id_: str) -> Key | None:
        """See `KeyStore.find_key`."""
        return self._known.get(id_, self._table)
