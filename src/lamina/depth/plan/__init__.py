"""Which training runs a search makes, and how each kind of run is trained."""
