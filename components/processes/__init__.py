"""Work in processes of its own: children with limits, folders for passing use, files of unknown origin.

Public, by module:

- `child`: ChildEnded, ChildLimits, refusal, run_in_child
- `scratch`: owned_folder, PREFIX, scratch_folder, SUFFIX, sweep, sweep_scratch
- `untrusted`: reading
"""
