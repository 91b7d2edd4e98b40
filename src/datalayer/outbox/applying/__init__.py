"""How changes reach the secondary: guarded by its ledger, in one transaction."""
