"""One metered model call; every model call in the house passes here."""
