"""The page: Gradio layout, cells, and what the browser loads."""
