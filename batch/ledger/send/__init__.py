"""SendQueue: the queue of a run, claims, contact limits and quotas judged at each claim."""
