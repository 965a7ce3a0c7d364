"""What every adapter of an OpenAI-wire server shares: how it is reached, and how it fails."""
