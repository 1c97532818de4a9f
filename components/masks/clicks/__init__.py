"""Clicks answered where no cached mask fits: candidates, pieces of the scene, and the cut through them.

Public, by module:

- `candidates`: CandidateConfig, find_candidates
- `pieces`: GraphCutConfig, inradius
- `solver`: ClickSolver, GraphCutSolver, Solution
- `state`: SolverState
"""
