"""The doctor: looks at a deployment and says what is wrong and how to mend it. Writes nothing but a probe."""
