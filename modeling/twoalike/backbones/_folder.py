"""Names of the files in a student's folder that its network is rebuilt from."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
