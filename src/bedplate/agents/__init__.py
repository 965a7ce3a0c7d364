"""Runs: a goal pursued by a model with tools, through crashes and approvals, within a budget."""
