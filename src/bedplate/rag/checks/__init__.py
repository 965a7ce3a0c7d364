"""What an answer must be before it leaves, and what becomes of one that is not."""
