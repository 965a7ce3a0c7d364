"""What clients of OpenAI's API keep: files, and vector stores over collections."""
