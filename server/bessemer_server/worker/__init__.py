"""What runs in the forked processes: trainers, the planner, predictors. Server code imports only `entry` and `frames`."""
