"""Problems shown to a person, and exported to other libraries."""
