"""Masks by SAM 2.1: proposals, tracks and click prompts."""
