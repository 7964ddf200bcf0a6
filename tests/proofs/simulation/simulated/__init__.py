"""The simulation: the real pool, throttle, failure table and ledger in a world that is made up.

Clock, network, API and disk are simulated; everything that follows from a seed, follows from it alone. Invariants:

* One seed, one world: `play(seed)` gives the same trace again, event for event.
* A process that was killed does nothing more: from then on its disk, its network and its timers refuse.
* A request that left a process is its own master: the API may apply it after its sender died or lost patience.
* The API knows the truth (what it applied), and the promise is checked against it, never against the ledger alone.
"""

from simulated.play import Played, play
from simulated.promise import Broken

__all__ = ["Broken", "Played", "play"]
