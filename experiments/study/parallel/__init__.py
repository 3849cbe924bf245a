"""Seeds of a study side by side: what a job is, and what runs jobs."""
