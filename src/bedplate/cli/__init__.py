"""The command line: reads arguments, calls the App, prints. One file a command, no logic of its own.

Whatever is slow to import is imported inside a command, so that `--help` answers at once.
"""
