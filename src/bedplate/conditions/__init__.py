"""Conditions as people and programs write them, read and checked against named, typed fields."""
