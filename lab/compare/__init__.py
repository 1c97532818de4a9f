"""Several methods on one scene, side by side: answers, numbers, panes and the report."""
