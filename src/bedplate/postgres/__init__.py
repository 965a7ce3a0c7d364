"""PostgreSQL: connections, and filters as SQL over the catalog's tables."""
