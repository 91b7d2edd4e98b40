"""Stores: the contract, the catalog, and one package per kind of database."""
