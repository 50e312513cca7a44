"""The drills: one file a scenario or procedure of the DRP."""
