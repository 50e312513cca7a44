"""What is told: the record of a drill and every form it is shown in."""
