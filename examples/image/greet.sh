echo "Hello from $(hostname)"
