"""From blobs to searchable passages: parse, scrub, chunk, embed, keep."""
