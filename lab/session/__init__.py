"""One person's work on a scene: prompts, objects, answers, history, arrangement, and the saved run.

Public, by module:

- `arrangement`: Arrangement, NOWHERE, Offset, Placement
- `given_names`: given_names, names_token
- `keeping`: keep_again, kept_runs
- `markers`: marker_of
- `objects`: MethodChoice, ObjectRequest, ObjectState
- `prompts`: check_click, check_names, check_stroke, checked_object_name, ObjectPrompts, photo_name, PhotoBox,
    PhotoClick, PhotoStroke, read_prompts, WorldClick
- `ruler`: metres_per_unit, Scale, write_scale
- `session`: ObjectState, Session
"""
