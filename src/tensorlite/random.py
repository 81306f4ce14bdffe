"""Bootstrap; replaced by the real generators."""

Generator = default_generator = fork_rng = get_rng_state = initial_seed = None
manual_seed = seed = set_rng_state = None
