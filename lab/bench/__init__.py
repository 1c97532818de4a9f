"""`liftlab bench`: a plan of cases, one process per case, results that survive a kill.

Public, by module:

- `cluster`: Cluster
- `pictures`: draw, JPEG_QUALITY, MISSED, pictured, RIGHT, WIDTH_PX, WRONG
- `plan`: BenchRequest, Case, Effort, FULL, Limits, make_plan, SHORT
- `provenance`: command_line, commit, device_name, versions
- `runner`: Outcome, PICTURES, RESULTS, ResultsFolder, run_case, run_plan
"""
