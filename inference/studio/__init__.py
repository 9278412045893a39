"""The studio: a Gradio Blocks app with a canvas of its own, mounted beside Django."""
