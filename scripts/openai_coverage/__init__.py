"""How much of OpenAI's API a running Bedplate speaks: what its client knows, asked of the server."""
