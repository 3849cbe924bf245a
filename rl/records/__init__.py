"""What is measured, kept, and told to a person."""
