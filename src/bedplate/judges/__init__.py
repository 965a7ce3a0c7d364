"""Judges: how far an answer's sources carry what it says. One file per adapter."""
