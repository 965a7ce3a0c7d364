"""What clients of OpenAI's API keep and let be done: files, vector stores over collections, batches."""
