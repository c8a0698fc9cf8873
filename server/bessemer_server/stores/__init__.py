"""Where jobs, metrics, events, checkpoints and models are kept: one truth behind `domain.ports.Store`."""
