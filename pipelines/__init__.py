"""Steps of a scene, methods that answer prompts, and what a person chooses in them."""
