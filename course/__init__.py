"""How neural networks learn: the models, losses and training behind the lectures and exercises."""
