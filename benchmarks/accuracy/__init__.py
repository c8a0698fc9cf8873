"""What models learn on real data: `make accuracy ARGS="--dataset-dir DIR"`."""
