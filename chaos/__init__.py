"""What goes wrong: one file a fault, with guard, write-ahead journal, reaper and residue audit."""
