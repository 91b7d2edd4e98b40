"""Stores made of stores: which one a call goes to, and what is done beside it."""
