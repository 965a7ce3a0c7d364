"""OpenAI's Responses: one request through search, model and tools, told as typed events."""
