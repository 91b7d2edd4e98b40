"""An export put into a store: checked first, written chunk by chunk with its checkpoints, and checked after."""
