"""Masks by SAM 2.1: proposals, tracks and click prompts.

Public, by module:

- `following`: Sam2Tracker
- `network`: build_sam2, load_sam2, masks_of_logits, Sam2Network
- `proposer`: Sam2Proposer, Sam2ProposerConfig
- `solver`: embed_photos, Sam2ClickConfig, Sam2ClickSolver
- `tracker`: Sam2TrackerConfig, Sam2VideoTracker
"""
