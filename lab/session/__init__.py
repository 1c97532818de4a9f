"""One person's work on a scene: prompts, objects, answers, history, arrangement, and the saved run."""
