"""The tests of the drills: each saboteur makes the stack, the data or the drill rotten, and a drill must turn red."""
