"""Whether download addresses answer, within two seconds whatever the network does."""

import threading
import time
from collections.abc import Iterable

PROBE_SECS = 2.0


def reachable(addresses: Iterable[str], *, timeout_secs: float = PROBE_SECS) -> dict[str, bool]:
    """Ask every address once (HEAD, no retries, all at the same time); what has not answered in time is unreachable.

    Looking up a host name cannot be interrupted, so each question runs in a daemon thread of its own and is left alone
    when the time is over.
    """
    import httpx

    answers = dict.fromkeys(addresses, False)

    def ask(address: str) -> None:
        try:
            reply = httpx.head(address, timeout=timeout_secs, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return  # that is the answer: unreachable
        answers[address] = reply.status_code < 400 or reply.status_code == 405

    threads = [threading.Thread(target=ask, args=(address,), daemon=True) for address in answers]
    deadline = time.monotonic() + timeout_secs
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(answers)
