"""The one reader of finished studies, and the statistics and tables that it feeds."""
