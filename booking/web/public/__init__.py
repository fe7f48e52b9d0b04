"""Pages that anybody may open, before or without a demande."""
