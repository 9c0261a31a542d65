"""Proofs small enough to hand to a contract: that a record is in a log, that a log only grew."""
