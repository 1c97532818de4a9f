"""Steps of a scene, methods that answer prompts, and what a person chooses in them.

Public, by module:

- `base`: check_masks, empty_selection, get_method, list_methods, MethodEntry, Prepared, register, seeded, Segmenter
- `guessed_names`: MEANS_ALIKE, search_with_guesses, with_named_things
- `models`: sam2_network, Sam2Config
- `offers`: ClassifiesViews, HasGranularity, KeepsObjects, LabelsViews, NamedThing, need_votes, ReadsFile, RunsOnDevice,
    SuggestsNames, TellsTraining, VotedObject, Voter
- `presets`: PRESETS
- `search`: build_index, Found, masks_from_labels, masks_of, search, search_by_model, SearchIndex, SearchResult,
    voted_result, with_objects
"""
