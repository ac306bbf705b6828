"""The Deployment's decision in parts: revisions, scaling, strategies, progress. All pure; `kinds/deployment.py` joins them."""
