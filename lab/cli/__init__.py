"""The command line: `liftlab` and its commands."""
