"""Proofs by endurance and by the clock: the soak, and the queue beside its limits and its peers."""
