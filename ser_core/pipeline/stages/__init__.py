"""The stages of the pipeline, and the job around each."""
