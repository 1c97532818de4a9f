"""Slows down whoever guesses the password or the token, without making anybody wait on the server.

A guess that comes too early is refused before it is compared, with the seconds to wait. Two limits: each address, whose
waits double with every wrong guess up to a quarter of a minute, and all addresses together, so that many of them do not
get more guesses than one. An address from which somebody has come in before is free of the second limit: strangers
cannot keep out the people of the lab.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE_GUESSES = 4
"""Wrong guesses of one address before it has to wait."""
LONGEST_WAIT_SECS = 15.0
FORGET_SECS = 900.0
"""An address that has not guessed wrong for so long starts afresh."""
ALL_BURST = 40
"""Wrong guesses of all addresses together before the second limit holds."""
ALL_PER_SEC = 0.5
"""Wrong guesses that are forgiven in a second; once the second limit holds, also those that are let through."""
ADDRESSES_MAX = 4096


@dataclass
class _Guesser:
    wrong: int = 0
    free_at: float = 0.0
    last: float = 0.0
    welcome: bool = False
    """Somebody came in from here."""


class Attempts:
    """Counts wrong guesses. Used from the event loop alone, so without a lock; memory is bounded.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()
        self._all = 0.0
        self._all_at = clock()

    def wait_secs(self, address: str) -> int:
        """Whole seconds until a guess from here is looked at; 0: now."""
        now = self._clock()
        guesser = self._guessers.get(_network(address))
        waits = [0.0]
        if guesser is not None:
            waits.append(guesser.free_at - now)
        if guesser is None or not guesser.welcome:
            self._forgive(now)
            waits.append((self._all - ALL_BURST + 1) / ALL_PER_SEC)
        return math.ceil(max(waits))

    def wrong(self, address: str) -> None:
        """A guess from here was wrong."""
        now, guesser = self._clock(), self._known(address)
        if now - guesser.last > FORGET_SECS:
            guesser.wrong = 0
        guesser.wrong += 1
        guesser.last = now
        late = guesser.wrong - FREE_GUESSES
        if late >= 0:
            guesser.free_at = now + min(2.0 ** min(late, 30), LONGEST_WAIT_SECS)
        self._forgive(now)
        self._all = min(self._all + 1, ALL_BURST + 1)

    def right(self, address: str) -> None:
        """Somebody came in from here."""
        guesser = self._known(address)
        guesser.wrong, guesser.free_at, guesser.welcome = 0, 0.0, True

    def __len__(self) -> int:
        return len(self._guessers)

    def _forgive(self, now: float) -> None:
        self._all = max(self._all - (now - self._all_at) * ALL_PER_SEC, 0.0)
        self._all_at = now

    def _known(self, address: str) -> _Guesser:
        network = _network(address)
        guesser = self._guessers.setdefault(network, _Guesser())
        self._guessers.move_to_end(network)
        while len(self._guessers) > ADDRESSES_MAX:
            strangers = (name for name, known in self._guessers.items() if not known.welcome)
            del self._guessers[next(strangers, next(iter(self._guessers)))]
        return guesser


def _network(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which one machine has to itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
