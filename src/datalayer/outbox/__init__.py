"""What is owed to the other store, and how it is settled.

    application ──> primary: row and outbox entry in one transaction, the entry written by a trigger
    relay: claim entries ──> read their keys' rows on the primary ──> apply them on the secondary ──> settle

The protocol's promise: whatever crashes, whenever, once the entries are settled both stores are equal, and nothing that
a caller was told is written is lost.
"""
