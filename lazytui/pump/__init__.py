"""The pump between a terminal and the engine's socket. Standard library only, and little of it."""
