"""Scoring: of one method on one scene (`scoring`), and of label maps and masks from anywhere (`evaluation`).

Public, by module:

- `answers`: Answers
- `click_laws`: surfaces_taken, taken_back, unheard
- `evaluation`: LabelScores, MaskScores, score_labels, score_masks
- `projection`: points_of_masks, ProjectedViews
- `scoring`: ObjectScore, plain, SceneScore, score_scene
- `simulated_user`: clicks_needed, farthest_inside, scorable_objects, simulate, SimulatedClick, SimulatedRun
"""
