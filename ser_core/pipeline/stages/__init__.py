"""The stages of the pipeline, and what each is made of."""
