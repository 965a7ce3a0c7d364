"""Tools of tau2-bench's shops, as functions on an SQLite database of its data."""
