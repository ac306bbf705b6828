"""What a Job decides with: facts about its pods, its policies, its count and its new pods. Pure; used by `kinds/job`."""
