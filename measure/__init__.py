"""What was observed: observer and workload processes, ledger, milestones, verdict."""
