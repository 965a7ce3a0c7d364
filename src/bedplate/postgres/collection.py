"""How a collection is found in the catalog's tables, by all who read them."""

NAMED = "tenant_id = %s AND %s IN (name, key, former_key)"
"""A condition on `collection`: its name, its key or the one before. Bound are tenant and name."""
