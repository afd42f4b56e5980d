"""The command line, one theme a file. Settings become options by themselves, from their fields."""
