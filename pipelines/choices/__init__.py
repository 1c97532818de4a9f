"""What a person can choose for each part of the pipelines: one registry per module, with our entries.

Importing them is light, so that a page can list what there is; networks and numerics are imported when an entry is
made.

Public, by module:

- `click_solvers`: CLICK_SOLVERS
- `pair_predictors`: PAIR_PREDICTORS
- `proposers`: PROPOSERS
- `record`: check_settings, ChoiceRecord, missing, settings_for
- `text_encoders`: TEXT_ENCODERS
- `trackers`: TRACKERS
"""
