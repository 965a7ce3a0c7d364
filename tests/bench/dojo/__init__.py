"""AgentDojo's bank: its tools, and a model that obeys whatever it reads."""
