"""Problems to graded groups: shards, conversations, sampling ahead of time, the log of what was sampled."""
