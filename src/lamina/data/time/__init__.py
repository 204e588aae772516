"""Time stamps, and tables whose rows have one."""
