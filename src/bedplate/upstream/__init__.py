"""How servers elsewhere are reached: which addresses may be, by which options, and how they fail."""
