"""How writes become outbox entries: triggers inside the primary, put there once by an install."""
