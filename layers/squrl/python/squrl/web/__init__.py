"""The web: events become requests, and responses the answers that each kind of event asks for."""
