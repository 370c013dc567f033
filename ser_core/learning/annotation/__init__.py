"""The user's own recordings, labelled by people: what to listen to, and what they heard."""
