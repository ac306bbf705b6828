"""API priority and fairness: which requests run now, which wait for their turn, which are refused."""
