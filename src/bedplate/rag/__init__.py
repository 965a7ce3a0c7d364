"""Retrieval and grounded answers. Knows the parts by their protocols alone."""
