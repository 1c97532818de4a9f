"""Scoring: of one method on one scene (`scoring`), and of label maps and masks from anywhere (`evaluation`)."""
