"""Work in processes of its own: children with limits, folders for passing use, files of unknown origin."""
