"""Online evaluation: a share of the answers is judged while nobody waits."""
