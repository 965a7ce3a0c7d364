"""The human queue: uncertain answers and tool calls that need a yes."""
