"""Running a search: the ledger of claimed and finished jobs, its storage, and the runners."""
