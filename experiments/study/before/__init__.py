"""What is found out before anything is trained: do prompts and solutions fit, do own parts work."""
