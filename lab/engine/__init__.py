"""The lab without a page: workspace, captures, steps computed once, and the queue for slow work.

Public, by module:

- `captures`: capture_key, file_hashes
- `demo`: bundled_capture, submit_demo
- `inventory`: delete_scene, items, odd_entries, prune, verify
- `jobs`: DEFECT_SENTENCE, Job, JobQueue, tell_builds
- `lab`: Lab
- `model_choices`: choices_of, REGISTRIES
- `recent`: Recent
- `scene_status`: SceneStatus
- `splat_step`
- `step_keys`: prepared_key
- `step_runner`: expected_preparation_secs, run_step
- `workspace`: DEFAULT_ROOT, Workspace
"""
