"""A prompt and an llm_string become a question and a scope; pure."""
