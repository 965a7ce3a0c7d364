"""What a text says of itself. Pure functions of text, behind nobody's protocol."""
